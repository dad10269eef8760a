// What every view has around it: the message line, and a border that keys do not cross.

// Make the module of a part. `build(root, store)` adds the contents and returns
// `update(store)`, or an object with `update` and `end`.
function part(name, build) {
  return () => {
    const store = newStore();
    return {
      initialize({ model }) {
        store.connect(model);
      },
      render({ el }) {
        const reading = store.readOnly ? " qsj-read-only" : "";
        const root = element("section", { class: `qsj qsj-${name}${reading}` });
        keepKeys(root);
        const line = messageLine(store);
        const built = build(root, store, line.made);
        const update = built.update || built;
        if (!line.made.isConnected && !line.made.parentNode) root.append(line.made);
        const show = () => {
          update(store);
          line.update();
        };
        const end = store.listen(show);
        el.append(root);
        show();
        store.enter();
        return () => {
          end();
          store.leave();
          built.end?.();
        };
      },
    };
  };
}

// JupyterLab acts on keys that reach the page: "d d" would delete the cell. Only saving passes.
function keepKeys(root) {
  for (const kind of ["keydown", "keypress", "keyup"]) {
    root.addEventListener(kind, (event) => {
      const saves = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s";
      if (!saves) event.stopPropagation();
    });
  }
}

function messageLine(store) {
  const sign = element("span", { class: "qsj-sign", "aria-hidden": "true" });
  const text = element("span", { class: "qsj-message-text" });
  const close = element(
    "button",
    { type: "button", class: "qsj-button qsj-plain", "aria-label": "Dismiss the message" },
    "×",
  );
  close.addEventListener("click", () => store.tell(null));
  const made = element(
    "div",
    { class: "qsj-message", role: "status", "aria-live": "polite" },
    sign,
    text,
    close,
  );
  const signs = { done: "✓", refused: "⚠", busy: "⏳" };
  return {
    made,
    update() {
      const note = store.note;
      made.className = `qsj-message qsj-${note ? note.kind : "silent"}`;
      setText(sign, note ? signs[note.kind] : "");
      setText(text, note ? note.text : "");
      close.hidden = !note;
    },
  };
}
