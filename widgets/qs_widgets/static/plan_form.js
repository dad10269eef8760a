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
  const takes = element("span", { class: "qsj-caption" });
  const note = element("input", {
    type: "text",
    class: "qsj-input qsj-note-input",
    placeholder: "for this item only; is kept with its runs",
    "aria-label": "Note",
  });
  note.addEventListener("input", () => schedule());
  const meta = rowsInput([{ title: "name" }, { title: "value" }], () => schedule(), "Metadata for every run");
  meta.set([]);
  const metaTitle = element("summary");
  const metaBox = element("details", { class: "qsj-more" }, metaTitle, meta.made);
  // What holds for all plans to come is put aside while an item with its own is edited.
  let shared = null;
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
    note: note.value,
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
  const addNow = async () => {
    const answer = await store.call("add", { ...typed(), place: place() });
    if (answer.ok) {
      note.value = "";
      if (shared && !editing) meta.set(shared);
      if (!editing) shared = null;
    }
    schedule();
  };
  const add = button("Add to queue", addNow, { class: "qsj-button qsj-main" });
  const validate = button("Validate", () => store.call("validate", typed()), {
    title: "Tell whether the manager would take this plan",
  });
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
  copy.title = "Copy as a command for a cell";
  const sending = [add, validate, runNow, save];

  const schedule = () => {
    clearTimeout(timer);
    timer = setTimeout(look, PREVIEW_MS);
  };
  const look = async () => {
    if (!plan) return;
    const answer = await store.call("preview", typed());
    if (!answer.ok) return;
    const { python, errors, problem: text, takes: time } = answer.data;
    setText(preview, python);
    setText(takes, time && `Takes: ${time}`);
    const rows = meta.get().length;
    setText(
      metaTitle,
      `${editing ? "Metadata of this item" : "Metadata for this and the next plans"}${rows ? ` (${rows})` : ""}`,
    );
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

  // Before a plan is chosen all are listed with what they do, as far as they fit what is typed.
  const catalogue = element("div", { class: "qsj-catalogue", role: "list", "aria-label": "Plans" });
  const showCatalogue = () => {
    const wanted = picker.input.value.trim().toLowerCase();
    const fitting = (listed || []).filter((each) => each.join(" ").toLowerCase().includes(wanted));
    catalogue.replaceChildren(
      ...fitting.map(([name, text]) =>
        element(
          "div",
          { role: "listitem" },
          button(name, () => choose(name), { class: "qsj-button qsj-plain" }),
          element("span", { class: "qsj-caption" }, text),
        ),
      ),
    );
  };
  picker.input.addEventListener("input", () => {
    if (listed?.some(([name]) => name === picker.input.value)) choose(picker.input.value);
    else if (!plan) showCatalogue();
  });
  picker.input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") choose(picker.input.value);
  });
  picker.input.addEventListener("focus", () => picker.input.select());

  const showButtons = () => {
    const away = store.fields.connected ? "" : "the manager does not answer";
    sending.forEach((each) => allow(each, away));
    save.hidden = cancel.hidden = !editing;
    setText(heading, editing ? "Edit item" : "Add plan");
    setText(add, editing ? "Add as new" : "Add to queue");
    actionsBar.hidden = outcome.hidden = metaBox.hidden = noteField.hidden = !plan;
    catalogue.hidden = Boolean(plan);
    empty.hidden = Boolean(plan) || !empty.textContent;
  };

  const showOpened = () => {
    const now = store.fields.opened;
    if (!now || now.number === opened) return;
    const isFirst = opened === 0 && !now.name;
    opened = now.number;
    editing = now.uid || null;
    if (now.name) {
      shared = shared ?? meta.get();
      meta.set(now.meta);
      note.value = now.note;
      choose(now.name, now.values);
    } else if (!isFirst) {
      meta.set(shared ?? meta.get());
      shared = null;
      note.value = "";
      fill({});
    }
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
  const empty = element("div", { class: "qsj-form-empty" });
  const noteField = element(
    "div",
    { class: "qsj-field" },
    element("span", { class: "qsj-field-name", "aria-hidden": "true" }, "Note"),
    note,
  );
  const outcome = element("div", { class: "qsj-outcome" }, preview, takes);
  root.append(
    element("div", { class: "qsj-bar" }, heading, picker.input, picker.list, description),
    line,
    element(
      "div",
      { class: "qsj-form-body" },
      empty,
      catalogue,
      fields,
      noteField,
      more,
      metaBox,
      outcome,
      problem,
      actionsBar,
    ),
  );

  return () => {
    const plans = store.fields.plans || [];
    if (plans !== listed) {
      listed = plans;
      picker.list.replaceChildren(...plans.map(([name, text]) => element("option", { value: name }, text)));
      setText(empty, plans.length ? "" : "No plan can be chosen yet: open the environment first.");
      showCatalogue();
    }
    showOpened();
    showButtons();
  };
});
