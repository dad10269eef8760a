// A part's copy of what the kernel sends, one per model and shared by all its views.
//
// Messages are numbered. When one is missing, the copy asks for everything again. Commands
// carry an id; until their answer arrives they are pending, and after a moment the store says
// that the kernel does not listen.

const SLOW_MS = 300;
const NOTE_MS = 5000;
const BUSY = "The notebook kernel is busy: this acts when its cell ends. From a terminal: qserver re abort";

function newStore() {
  const listeners = new Set();
  const pending = new Map();
  const store = { rev: -1, fields: {}, rows: [], note: null, readOnly: false };
  let model = null;
  let asked = false;
  let noteTimer = null;
  let frame = 0;

  const changed = () => {
    if (frame) return;
    frame = setTimeout(() => {
      frame = 0;
      for (const listener of [...listeners]) listener(store);
    }, 0);
  };

  const takeAll = (snapshot) => {
    asked = false;
    if (!snapshot || snapshot.rev < store.rev) return;
    store.rev = snapshot.rev;
    store.fields = snapshot.fields;
    store.readOnly = Boolean(snapshot.read_only);
    store.rows = snapshot.rows;
    if (snapshot.note) store.tell(snapshot.note, "refused");
    changed();
  };

  const takeChange = (change) => {
    if (change.rev <= store.rev) return;
    if (change.rev !== store.rev + 1) {
      askForAll();
      return;
    }
    store.rev = change.rev;
    if (change.fields) store.fields = { ...store.fields, ...change.fields };
    if (change.rows) {
      const old = store.rows;
      store.rows = change.rows.flatMap((piece) =>
        Array.isArray(piece) ? old.slice(piece[0], piece[0] + piece[1]) : piece.new,
      );
    }
    changed();
  };

  const send = (message) => {
    try {
      model.send(message);
      return true;
    } catch (error) {
      store.tell(`No notebook kernel: ${error.message}`, "refused");
      return false;
    }
  };

  // A view that goes with its kernel has nobody to tell it to.
  const quietly = (message) => {
    try {
      model.send(message);
    } catch {
      // There is nobody.
    }
  };

  const askForAll = () => {
    if (asked) return;
    asked = true;
    send({ do: "hello", rev: store.rev });
    setTimeout(() => {
      asked = false;
    }, 2000);
  };

  // The kernel has heard of a command; its answer may take longer.
  const takeNotice = (notice) => {
    const call = pending.get(notice.id);
    if (call) clearTimeout(call.timer);
    if (store.note && store.note.kind === "busy") store.tell(null);
  };

  const takeAnswer = (answer) => {
    const call = pending.get(answer.id);
    if (!call) return;
    pending.delete(answer.id);
    clearTimeout(call.timer);
    if (store.note && store.note.kind === "busy") store.tell(null);
    if (answer.text) store.tell(answer.text, answer.ok ? "done" : "refused");
    call.resolve(answer);
  };

  // Show a line of text; what was refused stays until it is dismissed.
  store.tell = (text, kind = "done") => {
    clearTimeout(noteTimer);
    store.note = text ? { text, kind } : null;
    if (text && kind === "done") noteTimer = setTimeout(() => store.tell(null), NOTE_MS);
    changed();
  };

  store.call = (name, params = {}) => {
    const id = newId("c");
    return new Promise((resolve) => {
      const timer = setTimeout(() => store.tell(BUSY, "busy"), SLOW_MS);
      pending.set(id, { resolve, timer });
      if (!send({ do: name, id, params })) takeAnswer({ id, ok: false, text: "" });
    });
  };

  // Pages that show nothing of a part are sent nothing of it.
  let views = 0;
  const page = newId("page");
  store.enter = () => {
    views += 1;
    if (views === 1) send({ do: "shown", page });
  };
  store.leave = () => {
    views -= 1;
    if (views === 0) quietly({ do: "hidden", page });
  };

  store.request = (method, params = {}) => store.call("request", { method, params });

  store.listen = (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };

  store.connect = (connected) => {
    model = connected;
    model.on("msg:custom", (message) => {
      if (message.kind === "snapshot") takeAll(message);
      else if (message.kind === "change") takeChange(message);
      else if (message.kind === "taken") takeNotice(message);
      else if (message.kind === "answer") takeAnswer(message);
      else if (message.kind === "note") store.tell(message.text, "refused");
    });
    takeAll(model.get("snapshot"));
    // Between the state and the first message something may have been sent.
    askForAll();
  };

  return store;
}
