// The console: the latest lines, in blocks, so that thousands of them stay light.

const BLOCK = 100;

export default part("console", (root, store, line) => {
  let follows = true;
  let paused = false;
  let shown = [];
  let blocks = [];

  const search = element("input", {
    type: "search",
    class: "qsj-input qsj-filter",
    placeholder: "Search",
    "aria-label": "Show only lines with this text",
  });
  const count = element("span", { class: "qsj-count" });
  const port = element("div", {
    class: "qsj-console-port qsj-mono",
    role: "log",
    tabIndex: 0,
    "aria-label": "Console output",
    "aria-live": "off",
  });
  const empty = element(
    "div",
    { class: "qsj-empty" },
    "Nothing has been printed since this panel was opened.\nWhat plans, scripts and startup files print appears here.",
  );
  const toEnd = () => {
    port.scrollTop = port.scrollHeight;
  };
  const pause = button("Pause", () => {
    paused = !paused;
    setText(pause, paused ? "Go on" : "Pause");
    setAttribute(pause, "aria-pressed", String(paused));
    if (!paused) {
      follows = true;
      show();
    }
  });
  const save = button(
    "Save",
    () => saveText(dated("console", "txt"), store.rows.map((row) => row[1]).join("\n")),
    { title: "Save these lines to a file" },
  );
  const clear = button("Clear", () => store.call("clear"), { title: "Empty the console of this panel" });

  // The worker is a kernel: consoles and notebooks can attach to it.
  const attachLine = element("code", { class: "qsj-preview qsj-mono" });
  const attachBox = element(
    "div",
    { class: "qsj-attach", hidden: true },
    element(
      "div",
      {},
      "In a terminal this opens a console in the worker, next to the Run Engine. It can leave at any time.",
    ),
    element(
      "div",
      { class: "qsj-running-line" },
      attachLine,
      button("Copy", () => copyText(attachLine.textContent), { "aria-label": "Copy the command" }),
    ),
    element(
      "div",
      { class: "qsj-caption" },
      "For a notebook in the worker choose the kernel RE worker (attached); it is installed once by: qs-jupyter kernelspec install",
    ),
  );
  const attach = button(
    "Attach a console",
    () => {
      attachBox.hidden = !attachBox.hidden;
      setAttribute(attach, "aria-expanded", String(!attachBox.hidden));
      if (!attachBox.hidden) copyText(attachLine.textContent);
      store.tell(attachBox.hidden ? null : "The command is copied: paste it into a terminal");
    },
    { title: "Work in the worker by hand, with its devices and its RE", "aria-expanded": "false" },
  );
  const jump = button(
    "↓ Newest",
    () => {
      follows = true;
      toEnd();
      jump.hidden = true;
    },
    { class: "qsj-button qsj-jump", hidden: true },
  );

  const draw = (row) =>
    element("div", { class: `qsj-line ${row[2] ? `qsj-line-${row[2]}` : ""}` }, row[1] || " ");
  const rebuild = (rows) => {
    blocks = [];
    for (let at = 0; at < rows.length; at += BLOCK) blocks.push(newBlock(rows.slice(at, at + BLOCK)));
    port.replaceChildren(...blocks.map((block) => block.made));
    shown = rows;
  };
  const newBlock = (rows) => ({ rows, made: element("div", { class: "qsj-block" }, ...rows.map(draw)) });

  // Lines come at the end and go at the beginning: touch only the blocks where that happens.
  const extend = (rows) => {
    const last = blocks[blocks.length - 1];
    const firstKey = rows[0][0];
    const from = last ? last.rows[0][0] : null;
    const at = last ? rows.findIndex((row) => row[0] === from) : -1;
    const isNext = at >= 0 && last.rows.length <= rows.length - at;
    if (!isNext) {
      rebuild(rows);
      return;
    }
    blocks.pop().made.remove();
    for (let start = at; start < rows.length; start += BLOCK) {
      const block = newBlock(rows.slice(start, start + BLOCK));
      blocks.push(block);
      port.append(block.made);
    }
    while (blocks.length > 1 && blocks[1].rows[0][0] <= firstKey) blocks.shift().made.remove();
    shown = rows;
  };

  const show = () => {
    const wanted = search.value.toLowerCase();
    const rows = wanted ? store.rows.filter((row) => row[1].toLowerCase().includes(wanted)) : store.rows;
    setText(count, wanted ? `${rows.length} of ${store.rows.length} lines` : `${rows.length} lines`);
    empty.hidden = store.rows.length > 0;
    setText(attachLine, `qserver-console -a ${store.fields.address}`);
    allow(attach, store.fields.is_open ? "" : "open the environment first");
    if (paused || rows === shown) return;
    if (!rows.length || wanted || !shown.length) rebuild(rows);
    else extend(rows);
    if (follows) toEnd();
    else jump.hidden = false;
  };

  port.addEventListener("scroll", () => {
    follows = port.scrollTop + port.clientHeight >= port.scrollHeight - 24;
    if (follows) jump.hidden = true;
  });
  search.addEventListener("input", () => {
    shown = [];
    show();
  });
  const sizes = new ResizeObserver(() => follows && toEnd());
  sizes.observe(port);
  root.append(
    element(
      "div",
      { class: "qsj-bar", role: "toolbar", "aria-label": "Console" },
      element("strong", {}, "Console"),
      count,
      search,
      spread(),
      attach,
      element("span", { class: "qsj-tools" }, pause, save, clear),
    ),
    line,
    attachBox,
    element("div", { class: "qsj-console-frame" }, port, empty, jump),
  );
  return { update: show, end: () => sizes.disconnect() };
});
