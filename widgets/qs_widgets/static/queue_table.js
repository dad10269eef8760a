// The queue: table, toolbar, keys, drag and drop.

// A row: key, type, name, parameters, user, note, duration, mark.
const noteOf = (row) => [row[7], row[5]].filter(Boolean).join(" · ");

const columnsWith = (placeOf) => [
  { title: "#", class: "qsj-number", cell: placeOf },
  { title: "Plan", class: "qsj-name", cell: (row) => (row[1] === "instruction" ? `■ ${row[2]}` : row[2]) },
  { title: "Parameters", class: "qsj-wide qsj-mono", cell: (row) => row[3], hint: (row) => row[3] },
  { title: "User", class: "qsj-user", cell: (row) => row[4] },
  {
    title: "Est.",
    class: "qsj-estimated",
    cell: (row) => row[6],
    hint: (row) => (row[6] === "?" ? "Unknown: no plan like this has finished yet" : ""),
  },
  { title: "Note", class: "qsj-note", cell: noteOf, hint: noteOf },
];
const badge = (row) =>
  `${row[1] === "instruction" ? "qsj-instruction" : ""} ${row[7] ? "qsj-returned" : ""}`;

// The rows in an order that the manager has not confirmed yet.
function ordered(rows, order) {
  const byKey = new Map(rows.map((row) => [row[0], row]));
  return order.filter((key) => byKey.has(key)).map((key) => byKey.get(key));
}

const LARGEST_FILE = 5e6;

async function base64Of(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  // In pieces: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(text);
}

function moved(keys, chosen, before) {
  const set = new Set(chosen);
  const rest = keys.filter((key) => !set.has(key));
  const at = before === null ? rest.length : rest.indexOf(before);
  return [...rest.slice(0, at), ...chosen, ...rest.slice(at)];
}

const EMPTY = "The queue is empty.";
const ADVICE =
  "Choose a plan under Add plan, drop a file here, or paste lines such as count([det1], num=3).";

const matches = (row, words) => {
  const text = `${row[2]} ${row[3]} ${row[4]} ${noteOf(row)}`.toLowerCase();
  return words.every((word) => text.includes(word));
};

export default part("queue", (root, store, line) => {
  let order = null;
  let revision = -1;
  let wanted = null;
  const all = () => (order ? ordered(store.rows, order) : store.rows);
  // The places of rows that are filtered; without a filter a row stands where it is shown.
  let places = null;
  const placeOf = (row, index) => (places ? places.get(row[0]) : index) + 1;

  const filter = element("input", {
    type: "search",
    class: "qsj-input qsj-filter",
    placeholder: "Filter ( / )",
    "aria-label": "Filter the queue",
  });
  const count = element("span", { class: "qsj-count", "aria-live": "polite" });
  const estimate = element("span", { class: "qsj-count qsj-queue-total" });
  estimate.title = "Learnt from plans that have finished";
  const grid = newGrid("Queue", columnsWith(placeOf), {
    badge,
    open: store.readOnly ? null : (key) => store.call("edit", { uid: key }),
    move: store.readOnly ? null : (keys, before) => move(keys, before),
    selected: () => showTools(),
    key: (event) => useKey(event),
  });
  const chosen = () => grid.selection.inOrder(all().map((row) => row[0]));

  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = all();
    const seen = words.length ? rows.filter((row) => matches(row, words)) : rows;
    places = words.length ? new Map(rows.map((row, index) => [row[0], index])) : null;
    grid.show(
      seen,
      rows.length
        ? "No item fits the filter"
        : store.fields.connected
          ? store.readOnly
            ? EMPTY
            : `${EMPTY}\n${ADVICE}`
          : "Nothing is known about the queue yet: the manager has not answered",
    );
    const size = grid.selection.size;
    const shown = seen.length === rows.length ? `${rows.length}` : `${seen.length} of ${rows.length}`;
    setText(count, `${shown}${size > 1 ? ` · ${size} selected` : ""}`);
    setText(estimate, store.fields.estimate || "");
  };

  // Show the new order at once; the manager's next word confirms it, a refusal takes it back.
  const move = async (keys, before) => {
    if (!keys.length) return;
    order = moved(
      all().map((row) => row[0]),
      keys,
      before,
    );
    revision = store.rev;
    show();
    const place = before === null ? { pos_dest: "back" } : { before_uid: before };
    const answer = await store.request("queue_item_move_batch", { uids: keys, ...place });
    if (!answer.ok) {
      order = null;
      show();
    }
  };
  const step = (direction) => {
    const keys = all().map((row) => row[0]);
    const block = chosen();
    if (!block.length) return null;
    const set = new Set(block);
    if (direction === "top") return move(block, keys.find((key) => !set.has(key)) ?? null);
    if (direction === "bottom") return move(block, null);
    if (direction === "up") {
      const at = keys.indexOf(block[0]);
      return move(
        block,
        keys[Math.max(0, at - 1)] === block[0] ? (keys.find((key) => !set.has(key)) ?? null) : keys[at - 1],
      );
    }
    const behind = keys.slice(keys.indexOf(block[block.length - 1]) + 1).filter((key) => !set.has(key));
    return move(block, behind[1] ?? null);
  };
  const select = (answer) => {
    if (answer.ok && Array.isArray(answer.data)) wanted = answer.data;
  };
  const duplicate = () => chosen().length && store.call("duplicate", { uids: chosen() }).then(select);
  const remove = () => chosen().length && store.request("queue_item_remove_batch", { uids: chosen() });
  const edit = () => chosen().length && store.call("edit", { uid: chosen()[0] });
  const stopHere = () => store.call("insert_stop", { before: chosen()[0] ?? null }).then(select);
  const undo = () => store.call("undo");
  const redo = () => store.call("redo");
  const copy = async () => {
    const answer = await store.call("python", { uids: chosen() });
    if (!answer.ok) return;
    await copyText(answer.data);
    store.tell("Copied as Python: paste it into a cell with %%qserver queue add, or into a queue");
  };
  const paste = (text) => store.call("paste", { text, before: chosen()[0] ?? null }).then(select);

  // The whole file goes as one message; what is too long for one is no queue.
  const load = async (file) => {
    if (file.size > LARGEST_FILE) {
      store.tell(`${file.name} is too large: more than ${LARGEST_FILE / 1e6} MB`, "refused");
      return;
    }
    const content = await base64Of(file);
    const answer = await store.call("load", { name: file.name, content, before: chosen()[0] ?? null });
    select(answer);
  };
  const save = (ending) => async () => {
    const name = dated("queue", ending);
    const answer = await store.call("save", { name });
    if (answer.ok) saveText(name, answer.data);
  };

  const tool = (label, act, hint, properties = {}) => button(label, act, { title: hint, ...properties });
  const mover = (sign, label, act, hint) => signButton(sign, label, act, { title: hint });
  const tools = {
    Top: mover("⤒", "Top", () => step("top"), "Move to the front (Ctrl+Shift+Up)"),
    Up: mover("↑", "Up", () => step("up"), "Move up (Alt+Up)"),
    Down: mover("↓", "Down", () => step("down"), "Move down (Alt+Down)"),
    Bottom: mover("⤓", "Bottom", () => step("bottom"), "Move to the back (Ctrl+Shift+Down)"),
    Edit: tool("Edit", edit, "Open in the form (Enter)"),
    Duplicate: tool("Duplicate", duplicate, "Copy behind the selection (Ctrl+D)"),
    Delete: tool("Delete", remove, "Remove from the queue (Delete)"),
  };
  const file = element("input", {
    type: "file",
    accept: ".json,.yaml,.yml,.csv,.xlsx,.xls",
    hidden: true,
    "aria-label": "File with plans",
  });
  file.addEventListener("change", async () => {
    if (file.files[0]) await load(file.files[0]);
    file.value = "";
  });
  const brings = (event) => event.dataTransfer.types.includes("Files") && !store.readOnly;
  for (const kind of ["dragenter", "dragover", "drop"]) {
    grid.made.addEventListener(kind, (event) => {
      if (!brings(event)) return;
      event.preventDefault();
      event.stopPropagation();
      if (kind === "drop" && event.dataTransfer.files[0]) load(event.dataTransfer.files[0]);
    });
  }
  const loadTool = button("Load plans from a file …", () => file.click(), {
    class: "qsj-button qsj-acts",
    title: "JSON, YAML, CSV or Excel; all items are added, or none",
  });
  const saves = [
    button("Save the queue as YAML", save("yaml")),
    button("Save the queue as JSON", save("json")),
  ];
  const files = menu("File", "Load plans from a file, save the queue to one", [loadTool, ...saves]);
  const runNow = confirmButton("Run now", () => store.call("run_now", { uid: chosen()[0] }), {
    title: "Run a copy at once, without the queue",
  });
  const copyTool = tool("Copy", copy, "Copy as Python (Ctrl+C)");
  const stop = tool("Insert stop", stopHere, "Stop the queue before the selected item");
  const undoTool = mover("↶", "Undo", undo, "Take back the last edit of this panel (Ctrl+Z)");
  const redoTool = mover("↷", "Redo", redo, "Do it again (Ctrl+Shift+Z)");
  const clear = confirmButton("Clear", () => store.request("queue_clear"), {
    title: "Remove all items",
    class: "qsj-button qsj-risky",
  });

  const showTools = () => {
    const size = grid.selection.size;
    const away = store.fields.connected ? "" : "the manager does not answer";
    const none = size ? "" : "select an item first";
    const notOne = size === 1 ? "" : none || "select one item only";
    Object.values(tools).forEach((each) => allow(each, away || none));
    allow(tools.Edit, away || notOne);
    allow(runNow, away || notOne);
    allow(copyTool, none);
    allow(stop, away);
    allow(loadTool, away);
    const empty = store.rows.length ? "" : "the queue is empty";
    saves.forEach((each) => allow(each, empty));
    allow(clear, away || empty);
    allow(undoTool, away || (store.fields.can_undo ? "" : "this panel has changed nothing yet"));
    allow(redoTool, away || (store.fields.can_redo ? "" : "nothing was taken back"));
  };

  const useKey = (event) => {
    const control = event.ctrlKey || event.metaKey;
    const act = {
      "alt ArrowUp": () => step("up"),
      "alt ArrowDown": () => step("down"),
      "control shift ArrowUp": () => step("top"),
      "control shift ArrowDown": () => step("bottom"),
      Delete: remove,
      Backspace: remove,
      Enter: edit,
      "control d": duplicate,
      "control c": copy,
      "control z": undo,
      "control y": redo,
      "control shift z": redo,
      "/": () => filter.focus(),
    }[
      [
        control && "control",
        event.altKey && "alt",
        event.shiftKey && "shift",
        event.key.length > 1 ? event.key : event.key.toLowerCase(),
      ]
        .filter(Boolean)
        .join(" ")
    ];
    const looks = act === copy || event.key === "/";
    if (act && (looks || !store.readOnly)) act();
    return Boolean(act);
  };

  filter.addEventListener("input", show);
  filter.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" && event.key !== "ArrowDown") return;
    if (event.key === "Escape") filter.value = "";
    event.preventDefault();
    show();
    grid.made.focus();
  });
  grid.made.addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text/plain");
    event.preventDefault();
    if (text.trim() && !store.readOnly) paste(text);
  });

  root.append(
    element(
      "div",
      { class: "qsj-bar", role: "toolbar", "aria-label": "Edit the queue" },
      element("strong", {}, "Queue"),
      count,
      estimate,
      filter,
      element(
        "span",
        { class: "qsj-toolbox" },
        element("span", { class: "qsj-tools qsj-acts" }, undoTool, redoTool),
        element("span", { class: "qsj-tools qsj-acts" }, tools.Top, tools.Up, tools.Down, tools.Bottom),
        element("span", { class: "qsj-tools qsj-acts" }, tools.Edit, tools.Duplicate, copyTool, tools.Delete),
        element("span", { class: "qsj-tools qsj-acts" }, stop, runNow, clear),
        files,
        file,
      ),
    ),
    line,
    grid.made,
  );

  return {
    update() {
      if (order && store.rev !== revision) order = null;
      root.classList.toggle("qsj-stale", !store.fields.connected);
      show();
      if (wanted && wanted.every((key) => grid.keys.includes(key))) {
        grid.selection.only(wanted);
        grid.reveal(wanted[0]);
        wanted = null;
        show();
      }
      showTools();
    },
    end: () => grid.end(),
  };
});
