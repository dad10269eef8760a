// The history, the latest first: how plans ended, and what to do with them now.

const HISTORY_COLUMNS = [
  { title: "End", class: "qsj-end", cell: (row) => row[2] },
  { title: "Plan", class: "qsj-name", cell: (row) => row[3] },
  { title: "Parameters", class: "qsj-wide qsj-mono", cell: (row) => row[4], hint: (row) => row[4] },
  { title: "Began", class: "qsj-when", cell: (row) => clockTime(row[6]) },
  { title: "Took", class: "qsj-took", cell: (row) => row[7] },
  { title: "Runs", class: "qsj-runs", cell: (row) => row[8] },
  { title: "User", class: "qsj-user", cell: (row) => row[5] },
];
const NOTHING = "No plan has finished yet.\nWhat ran, how it ended and why is listed here.";
const GOOD = ["completed", "stopped"];

export default part("history", (root, store, line) => {
  let detailed = null;
  const filter = element("input", {
    type: "search",
    class: "qsj-input qsj-filter",
    placeholder: "Filter ( / )",
    "aria-label": "Filter the history",
  });
  const failed = checkbox("Only failed");
  const count = element("span", { class: "qsj-count" });
  const details = element("div", { class: "qsj-details", hidden: true });
  const grid = newGrid("History", HISTORY_COLUMNS, {
    badge: (row) => (GOOD.includes(row[1]) ? "" : "qsj-bad-end"),
    open: store.readOnly ? null : (key) => store.call("edit", { key }),
    selected: () => {
      showTools();
      showDetails();
    },
    key: (event) => {
      if (event.key !== "/") return false;
      filter.focus();
      return true;
    },
  });
  const chosen = () => grid.selection.inOrder(grid.keys);

  const rerun = button("Rerun", () => store.call("rerun", { keys: chosen() }), {
    title: "Add a copy at the back of the queue",
  });
  const first = button("Rerun first", () => store.call("rerun", { keys: chosen(), front: true }), {
    title: "Add a copy at the front of the queue",
  });
  const edit = button("Edit and rerun", () => store.call("edit", { key: chosen()[0] }), {
    title: "Open a copy in the form (Enter)",
  });
  const plot = button("Plot", () => store.call("plot", { key: chosen()[0] }), {
    title: "Show the points of this plan above",
  });
  const save = (ending) => async () => {
    const name = dated("history", ending);
    const answer = await store.call("export", { name });
    if (answer.ok) saveText(name, answer.data);
  };
  const saves = [
    button("Save the history as YAML", save("yaml")),
    button("Save the history as JSON", save("json")),
  ];
  const files = menu("File", "Save the history to a file", saves);
  const clear = confirmButton("Clear", () => store.request("history_clear"), {
    class: "qsj-button qsj-risky",
    title: "Forget all finished items",
  });

  const showTools = () => {
    const size = grid.selection.size;
    const away = store.fields.connected ? "" : "the manager does not answer";
    const none = size ? "" : "select a plan first";
    const empty = store.rows.length ? "" : "the history is empty";
    allow(rerun, away || none);
    allow(first, away || none);
    allow(edit, away || (size === 1 ? "" : none || "select one plan only"));
    allow(clear, away || empty);
    allow(plot, size === 1 ? "" : none || "select one plan only");
    saves.forEach((each) => allow(each, empty));
  };

  const showDetails = async () => {
    const keys = chosen();
    const key = keys.length === 1 ? keys[0] : null;
    if (key === detailed) return;
    detailed = key;
    if (key === null) {
      details.hidden = true;
      return;
    }
    const answer = await store.call("details", { key });
    if (!answer.ok || detailed !== key) return;
    const { python, msg, traceback, runs, json } = answer.data;
    const folded = (title, text) =>
      element(
        "details",
        {},
        element("summary", {}, title),
        element("pre", { class: "qsj-mono qsj-trace", tabIndex: 0 }, text),
        button("Copy", () => copyText(text)),
      );
    details.replaceChildren(
      element("div", { class: "qsj-mono" }, python),
      ...(msg ? [element("div", { class: "qsj-field-error" }, msg)] : []),
      ...(runs.length ? [element("div", { class: "qsj-caption" }, `Runs: ${runs.join(", ")}`)] : []),
      ...(traceback ? [folded("Traceback", traceback)] : []),
      folded("As JSON", json),
    );
    details.hidden = false;
  };

  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (row) => {
      if (failed.box.checked && GOOD.includes(row[1])) return false;
      const text = `${row[2]} ${row[3]} ${row[4]} ${row[5]} ${row[8]} ${row[9]}`.toLowerCase();
      return words.every((word) => text.includes(word));
    };
    const rows = words.length || failed.box.checked ? store.rows.filter(fits) : store.rows;
    grid.show(rows, store.rows.length ? "No item fits the filter" : NOTHING);
    setText(
      count,
      rows.length === store.rows.length ? `${rows.length}` : `${rows.length} of ${store.rows.length}`,
    );
  };
  filter.addEventListener("input", show);
  failed.box.addEventListener("change", show);

  root.append(
    element(
      "div",
      { class: "qsj-bar", role: "toolbar", "aria-label": "History" },
      element("strong", {}, "History"),
      count,
      filter,
      failed.made,
      spread(),
      plot,
      element("span", { class: "qsj-tools qsj-acts" }, rerun, first, edit, clear),
      files,
    ),
    line,
    grid.made,
    details,
  );
  return {
    update() {
      root.classList.toggle("qsj-stale", !store.fields.connected);
      show();
      showTools();
    },
    end: () => grid.end(),
  };
});
