// The form for one plan: choose it, fill in its fields, see it as Python, add it.

const PREVIEW_MS = 150;

export default part("form", (root, store, line) => {
  let plan = null;
  let inputs = new Map();
  let opened = 0;
  let editing = null;
  let timer = null;
  let listed = null;

  const picker = suggesting([], {
    placeholder: "Choose a plan",
    class: "qsj-input qsj-long",
    "aria-label": "Plan",
  });
  const heading = element("strong", {}, "Add plan");
  const description = element("div", { class: "qsj-description" });
  const fields = element("div", { class: "qsj-fields" });
  const more = element(
    "details",
    { class: "qsj-more", hidden: true },
    element("summary", {}, "More parameters"),
  );
  const moreFields = element("div", { class: "qsj-fields" });
  more.append(moreFields);
  const meta = rowsInput([{ title: "name" }, { title: "value" }], () => schedule(), "Metadata for every run");
  meta.set([]);
  const metaBox = element(
    "details",
    { class: "qsj-more" },
    element("summary", {}, "Metadata for every run of this and the next plans"),
    meta.made,
  );
  const preview = element("code", {
    class: "qsj-preview qsj-mono",
    "aria-live": "polite",
    "aria-label": "As Python",
  });
  const problem = element("div", { class: "qsj-problem", role: "status" });

  const typed = () => ({
    name: plan?.name,
    values: Object.fromEntries([...inputs].map(([name, each]) => [name, each.input.get()])),
    meta: meta.get(),
  });
  const where = selectInput(
    [
      ["back", "at the back"],
      ["front", "at the front"],
      ["at", "at place"],
    ],
    () => (number.hidden = where.get() !== "at"),
  );
  where.made.setAttribute("aria-label", "Where to add");
  const number = element("input", {
    type: "number",
    min: "1",
    value: "1",
    class: "qsj-input qsj-short",
    hidden: true,
    "aria-label": "Place in the queue",
  });
  const place = () => ({ pos: where.get() === "at" ? Math.max(0, Number(number.value) - 1) : where.get() });
  const add = button("Add to queue", () => store.call("add", { ...typed(), place: place() }), {
    class: "qsj-button qsj-main",
  });
  const validate = button("Validate", () => store.call("validate", typed()));
  const runNow = confirmButton("Run now", () => store.call("run_now", typed()), {
    title: "Run at once, without the queue",
  });
  const save = button("Save changes", () => store.call("save", { ...typed(), uid: editing }), {
    class: "qsj-button qsj-main",
    hidden: true,
  });
  const cancel = button("Cancel", () => store.call("cancel"), { hidden: true });
  const reset = button("Reset", () => fill({}), { title: "Empty all fields" });
  const copy = button("Copy", async () => {
    await copyText(`%qserver queue add plan ${preview.textContent}`);
    store.tell("Copied as a command for a cell");
  });
  const actions = [add, validate, runNow, save, reset, copy];

  const schedule = () => {
    clearTimeout(timer);
    timer = setTimeout(look, PREVIEW_MS);
  };
  const look = async () => {
    if (!plan) return;
    const answer = await store.call("preview", typed());
    if (!answer.ok) return;
    const { python, errors, problem: text } = answer.data;
    setText(preview, python);
    for (const [name, each] of inputs) {
      setText(each.error, each.touched || editing ? errors[name] || "" : "");
      each.made.classList.toggle("qsj-wrong", Boolean(each.error.textContent));
    }
    setText(problem, text);
    const bad = Boolean(text) || Object.keys(errors).length > 0;
    add.classList.toggle("qsj-main", !bad);
  };

  const fill = (values) => {
    for (const [name, each] of inputs) {
      each.touched = false;
      each.input.set(values[name]);
    }
    schedule();
  };

  const newField = (field) => {
    const error = element("div", { class: "qsj-field-error", id: newId("error") });
    const entry = { error, touched: false };
    entry.input = inputFor(field, () => {
      entry.touched = true;
      schedule();
    });
    const target = entry.input.input || entry.input.made;
    target.id = newId("field");
    target.setAttribute("aria-describedby", error.id);
    if (!field.optional) target.setAttribute("aria-required", "true");
    const caption = element(
      "label",
      { htmlFor: target.id, class: "qsj-field-name", title: field.hint },
      field.name,
      field.optional ? "" : element("span", { class: "qsj-needed", "aria-hidden": "true" }, " *"),
    );
    const limits =
      field.min !== undefined || field.max !== undefined ? `${field.min ?? "−∞"} … ${field.max ?? "∞"}` : "";
    const hint = element(
      "div",
      { class: "qsj-hint", title: field.hint },
      limits || field.hint.split("\n")[0],
    );
    entry.made = element(
      "div",
      { class: `qsj-field qsj-field-${field.kind}` },
      caption,
      entry.input.made,
      hint,
      error,
    );
    inputs.set(field.name, entry);
    (field.more ? moreFields : fields).append(entry.made);
  };

  const use = (described, values) => {
    plan = described;
    inputs = new Map();
    fields.replaceChildren();
    moreFields.replaceChildren();
    described.fields.forEach(newField);
    more.hidden = !moreFields.children.length;
    picker.input.value = described.name;
    setText(description, described.description);
    fill(values ?? described.values);
    showButtons();
  };

  const choose = async (name, values) => {
    const answer = await store.call("describe", { name });
    if (answer.ok) use(answer.data, values);
  };

  picker.input.addEventListener("input", () => {
    if (listed?.some(([name]) => name === picker.input.value)) choose(picker.input.value);
  });
  picker.input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") choose(picker.input.value);
  });
  picker.input.addEventListener("focus", () => picker.input.select());

  const showButtons = () => {
    const connected = store.fields.connected;
    actions.forEach((each) => (each.disabled = !plan || !connected));
    save.hidden = cancel.hidden = !editing;
    setText(heading, editing ? "Edit item" : "Add plan");
    setText(add, editing ? "Add as new" : "Add to queue");
    actionsBar.hidden = preview.hidden = metaBox.hidden = !plan;
    empty.hidden = Boolean(plan);
  };

  const showOpened = () => {
    const now = store.fields.opened;
    if (!now || now.number === opened) return;
    const isFirst = opened === 0 && !now.name;
    opened = now.number;
    editing = now.uid || null;
    if (now.name) {
      meta.set(now.meta);
      choose(now.name, now.values);
    } else if (!isFirst) fill({});
    showButtons();
  };

  const actionsBar = element(
    "div",
    { class: "qsj-actions", role: "group", "aria-label": "Use this plan" },
    save,
    cancel,
    add,
    where.made,
    number,
    validate,
    runNow,
    spread(),
    reset,
    copy,
  );
  const empty = element("div", { class: "qsj-form-empty" }, "Choose a plan to see its parameters.");
  root.append(
    element("div", { class: "qsj-bar" }, heading, picker.input, picker.list, description),
    line,
    element("div", { class: "qsj-form-body" }, empty, fields, more, metaBox, preview, problem, actionsBar),
  );

  return () => {
    const plans = store.fields.plans || [];
    if (plans !== listed) {
      listed = plans;
      picker.list.replaceChildren(...plans.map(([name, text]) => element("option", { value: name }, text)));
      if (!plans.length) setText(empty, "No plan is allowed yet: open the environment.");
      else setText(empty, `Choose one of ${plans.length} plans to see its parameters.`);
    }
    showOpened();
    showButtons();
  };
});
