// The queue: table, toolbar, keys, drag and drop.

const COLUMNS = [
  { title: "#", class: "qsj-number", cell: (row) => row[6] },
  { title: "Plan", class: "qsj-name", cell: (row) => (row[1] === "instruction" ? `■ ${row[2]}` : row[2]) },
  { title: "Parameters", class: "qsj-wide qsj-mono", cell: (row) => row[3], hint: (row) => row[3] },
  { title: "User", class: "qsj-user", cell: (row) => row[4] },
  { title: "Note", class: "qsj-note", cell: (row) => row[5], hint: (row) => row[5] },
];
const badge = (row) =>
  `${row[1] === "instruction" ? "qsj-instruction" : ""} ${row[5].startsWith("failed, came back") ? "qsj-returned" : ""}`;

// The rows with their places; an order that the manager has not confirmed yet comes first.
function ordered(rows, order) {
  const numbered = rows.map((row, index) => [...row, index + 1]);
  if (!order) return numbered;
  const byKey = new Map(numbered.map((row) => [row[0], row]));
  return order
    .filter((key) => byKey.has(key))
    .map((key, index) => [...byKey.get(key).slice(0, 6), index + 1]);
}

function moved(keys, chosen, before) {
  const set = new Set(chosen);
  const rest = keys.filter((key) => !set.has(key));
  const at = before === null ? rest.length : rest.indexOf(before);
  return [...rest.slice(0, at), ...chosen, ...rest.slice(at)];
}

const matches = (row, words) => {
  const text = `${row[2]} ${row[3]} ${row[4]} ${row[5]}`.toLowerCase();
  return words.every((word) => text.includes(word));
};

export default part("queue", (root, store, line) => {
  let order = null;
  let revision = -1;
  let wanted = null;
  const all = () => ordered(store.rows, order);

  const filter = element("input", {
    type: "search",
    class: "qsj-input qsj-filter",
    placeholder: "Filter ( / )",
    "aria-label": "Filter the queue",
  });
  const count = element("span", { class: "qsj-count", "aria-live": "polite" });
  const grid = newGrid("Queue", COLUMNS, {
    badge,
    open: (key) => store.call("edit", { uid: key }),
    move: (keys, before) => move(keys, before),
    selected: () => showTools(),
    key: (event) => useKey(event),
  });
  const chosen = () => grid.selection.inOrder(all().map((row) => row[0]));

  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = all();
    const seen = words.length ? rows.filter((row) => matches(row, words)) : rows;
    grid.show(
      seen,
      rows.length
        ? "No item fits the filter"
        : store.fields.connected
          ? "The queue is empty: add a plan, or paste lines such as count([det1], num=3)"
          : "Nothing is known about the queue yet",
    );
    const size = grid.selection.size;
    const shown = seen.length === rows.length ? `${rows.length}` : `${seen.length} of ${rows.length}`;
    setText(count, `${shown}${size > 1 ? ` · ${size} selected` : ""}`);
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

  const tool = (label, act, hint, properties = {}) => button(label, act, { title: hint, ...properties });
  const tools = {
    Top: tool("Top", () => step("top"), "Move to the front (Ctrl+Shift+Up)"),
    Up: tool("Up", () => step("up"), "Move up (Alt+Up)"),
    Down: tool("Down", () => step("down"), "Move down (Alt+Down)"),
    Bottom: tool("Bottom", () => step("bottom"), "Move to the back (Ctrl+Shift+Down)"),
    Edit: tool("Edit", edit, "Open in the form (Enter)"),
    Duplicate: tool("Duplicate", duplicate, "Copy behind the selection (Ctrl+D)"),
    Delete: tool("Delete", remove, "Remove from the queue (Delete)"),
  };
  const runNow = confirmButton("Run now", () => store.call("run_now", { uid: chosen()[0] }), {
    title: "Run a copy at once, without the queue",
  });
  const copyTool = tool("Copy", copy, "Copy as Python (Ctrl+C)");
  const stop = tool("Insert stop", stopHere, "Stop the queue before the selected item");
  const undoTool = tool("Undo", undo, "Take back the last edit of this panel (Ctrl+Z)");
  const redoTool = tool("Redo", redo, "Do it again (Ctrl+Shift+Z)");
  const clear = confirmButton("Clear", () => store.request("queue_clear"), {
    title: "Remove all items",
    class: "qsj-button qsj-risky",
  });

  const showTools = () => {
    const some = grid.selection.size > 0;
    const connected = store.fields.connected;
    Object.values(tools).forEach((each) => (each.disabled = !some || !connected));
    tools.Edit.disabled = runNow.disabled = grid.selection.size !== 1 || !connected;
    copyTool.disabled = !some;
    stop.disabled = !connected;
    clear.disabled = !connected || !store.rows.length;
    undoTool.disabled = !connected || !store.fields.can_undo;
    redoTool.disabled = !connected || !store.fields.can_redo;
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
    if (act) act();
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
    if (text.trim()) paste(text);
  });

  root.append(
    element(
      "div",
      { class: "qsj-bar", role: "toolbar", "aria-label": "Edit the queue" },
      element("strong", {}, "Queue"),
      count,
      filter,
      element(
        "span",
        { class: "qsj-toolbox" },
        element("span", { class: "qsj-tools" }, tools.Top, tools.Up, tools.Down, tools.Bottom),
        element("span", { class: "qsj-tools" }, tools.Edit, tools.Duplicate, copyTool, tools.Delete),
        element("span", { class: "qsj-tools" }, stop, runNow),
        element("span", { class: "qsj-tools" }, undoTool, redoTool, clear),
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
