// Tasks and scripts.

const TASK_COLUMNS = [
  { title: "State", class: "qsj-end", cell: (row) => row[2] },
  { title: "Task", class: "qsj-wide qsj-mono", cell: (row) => row[3], hint: (row) => row[0] },
  { title: "When", class: "qsj-when", cell: (row) => clockTime(row[4]) },
];

export default part("tasks", (root, store, line) => {
  let detailed = null;
  const known = suggesting([], {
    placeholder: "function_sleep(5)",
    class: "qsj-input qsj-wide-input qsj-mono",
  });
  const functionBack = checkbox("in the background");
  const call = () =>
    store.call("function", { call: known.input.value, background: functionBack.box.checked });
  const run = button("Call", call, { class: "qsj-button qsj-main" });
  known.input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !run.disabled) waitFor(run, call());
  });

  const script = element("textarea", {
    class: "qsj-input qsj-mono qsj-script",
    rows: 6,
    spellcheck: false,
    placeholder: "# Python that runs in the worker, next to the Run Engine",
  });
  // Tab indents; Escape and then Tab leaves the editor.
  let leaves = false;
  script.addEventListener("keydown", (event) => {
    if (event.key === "Escape") leaves = true;
    else if (event.key === "Tab" && !leaves && !event.shiftKey) {
      event.preventDefault();
      script.setRangeText("    ", script.selectionStart, script.selectionEnd, "end");
    } else leaves = false;
  });
  const scriptBack = checkbox("in the background");
  const lists = checkbox("look for new plans and devices");
  const engine = checkbox("take over RE");
  lists.box.checked = true;
  const upload = button(
    "Run script",
    () =>
      store.call("script", {
        script: script.value,
        background: scriptBack.box.checked,
        update_lists: lists.box.checked,
        update_re: engine.box.checked,
      }),
    { class: "qsj-button qsj-main" },
  );
  const file = element("input", { type: "file", accept: ".py,text/x-python", hidden: true, "aria-label": "Script file" });
  file.addEventListener("change", async () => {
    if (file.files[0]) script.value = await file.files[0].text();
    file.value = "";
  });
  const open = button("Open file …", () => file.click());
  const update = button("Update environment", () => store.request("environment_update", {}), {
    title: "Read RE, plans and devices of the worker again",
  });
  const interrupt = confirmButton(
    "Interrupt",
    () => store.request("kernel_interrupt", { interrupt_task: true }),
    { class: "qsj-button qsj-risky", title: "Interrupt the running task, as Ctrl-C would" },
  );
  const background = element("span", { class: "qsj-caption" });
  const details = element("div", { class: "qsj-details", hidden: true });
  const grid = newGrid("Tasks", TASK_COLUMNS, {
    badge: (row) => (row[1] === "bad" ? "qsj-bad-end" : row[1] === "running" ? "qsj-task-runs" : ""),
    selected: () => showResult(),
  });

  const showResult = async () => {
    const keys = grid.selection.inOrder(grid.keys);
    const row = keys.length === 1 ? grid.rows.find((each) => each[0] === keys[0]) : null;
    const wanted = row ? `${row[0]} ${row[1]}` : null;
    if (wanted === detailed) return;
    detailed = wanted;
    details.hidden = !row;
    if (!row) return;
    const answer = await store.call("result", { uid: row[0] });
    if (!answer.ok || detailed !== wanted) return;
    const { status, msg, traceback, value } = answer.data;
    const block = (text) => element("pre", { class: "qsj-mono qsj-trace", tabIndex: 0 }, text);
    const words = { not_found: "The manager has forgotten the result", running: "Still running" };
    details.replaceChildren(
      element("div", { class: "qsj-caption" }, `Task ${row[0]}${words[status] ? ` · ${words[status]}` : ""}`),
      ...(msg ? [element("div", { class: "qsj-field-error" }, msg)] : []),
      ...(value ? [element("span", {}, "Returned"), block(value)] : []),
      ...(traceback ? [element("details", {}, element("summary", {}, "Traceback"), block(traceback))] : []),
    );
  };

  const showTools = () => {
    const is = store.fields;
    const away = is.connected ? "" : "the manager does not answer";
    const closed = away || (is.is_open ? "" : "open the environment first");
    const busy = is.is_idle ? "" : "the worker is busy; in the background it can be done";
    allow(run, closed || (functionBack.box.checked ? "" : busy));
    allow(upload, closed || (scriptBack.box.checked ? "" : busy));
    allow(update, closed || (is.is_idle ? "" : "the worker is busy"));
    allow(interrupt, away || (is.runs_task ? "" : "no task is running"));
  };
  for (const each of [functionBack, scriptBack]) each.box.addEventListener("change", showTools);

  root.append(
    line,
    element(
      "div",
      { class: "qsj-form-body" },
      labelled(
        "Function",
        element("div", { class: "qsj-running-line" }, known.input, known.list, run, functionBack.made),
      ),
      labelled("Script", script),
      element("div", { class: "qsj-actions" }, upload, open, file, scriptBack.made, lists.made, engine.made),
    ),
    element(
      "div",
      { class: "qsj-bar", role: "toolbar", "aria-label": "Tasks" },
      element("strong", {}, "Tasks"),
      background,
      spread(),
      update,
      interrupt,
    ),
    grid.made,
    details,
  );
  known.input.setAttribute("aria-label", "Function call");
  script.setAttribute("aria-label", "Script");
  let functions = null;
  return {
    update() {
      const is = store.fields;
      if (is.functions !== functions) {
        functions = is.functions;
        known.list.replaceChildren(
          ...(functions || []).map((each) => element("option", { value: `${each}()` })),
        );
      }
      showTools();
      setText(background, is.background ? `${is.background} in the background` : "");
      grid.show(store.rows, "No task yet.\nWhat is called or run above is listed here with its result.");
      root.classList.toggle("qsj-stale", !is.connected);
      showResult();
    },
    end: () => grid.end(),
  };
});
