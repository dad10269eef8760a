// Inputs of generated forms. Each is { made, get(), set(value) } and calls `changed`.

function inputFor(field, changed) {
  const makers = {
    number: textInput,
    text: textInput,
    literal: textInput,
    bool: choiceInput,
    name: nameInput,
    names: namesInput,
    groups: groupsInput,
    metadata: pairsInput,
  };
  return makers[field.kind](field, changed);
}

function hintOf(field) {
  if (!field.optional) return "";
  return field.default === null || field.default === undefined ? "" : `default: ${field.default}`;
}

function textInput(field, changed) {
  const made = element("input", {
    type: "text",
    class: `qsj-input ${field.kind === "number" ? "qsj-short" : "qsj-long"} ${field.kind === "literal" ? "qsj-mono" : ""}`,
    placeholder: hintOf(field) || { literal: "Python value", number: "number" }[field.kind] || "",
    inputMode: field.kind === "number" ? "decimal" : "text",
    spellcheck: false,
  });
  made.addEventListener("input", changed);
  return { made, get: () => made.value, set: (value) => (made.value = value ?? "") };
}

function choiceInput(field, changed) {
  const start = field.optional ? [["", hintOf(field) || "default"]] : [["", "choose"]];
  const choices = [...start, ["True", "True"], ["False", "False"]];
  return selectInput(choices, changed);
}

function selectInput(choices, changed) {
  const made = element(
    "select",
    { class: "qsj-input" },
    ...choices.map(([value, label]) => element("option", { value }, label)),
  );
  made.addEventListener("change", changed);
  return { made, get: () => made.value, set: (value) => (made.value = value ?? "") };
}

function suggestions(options) {
  const list = element("datalist", { id: newId("list") });
  list.append(...options.map((option) => element("option", { value: option })));
  return list;
}

function suggesting(options, properties) {
  const list = suggestions(options);
  const input = element("input", { type: "text", class: "qsj-input", spellcheck: false, ...properties });
  input.setAttribute("list", list.id);
  return { input, list };
}

function nameInput(field, changed) {
  if (field.options.length <= 8 && !field.is_device) {
    const start = [["", hintOf(field) || "choose"]];
    return selectInput([...start, ...field.options.map((option) => [option, option])], changed);
  }
  const { input, list } = suggesting(field.options, { placeholder: hintOf(field) || "name" });
  input.addEventListener("input", changed);
  const made = element("span", { class: "qsj-with-list" }, input, list);
  return { made, input, get: () => input.value.trim(), set: (value) => (input.value = value ?? "") };
}

// Several names, each as a chip that can be taken off again.
function namesInput(field, changed) {
  let names = [];
  const chips = element("span", { class: "qsj-chips", role: "list" });
  const { input, list } = suggesting(field.options, { placeholder: hintOf(field) || "add a name" });
  const made = element("div", { class: "qsj-names" }, chips, input, list);
  const show = () => {
    chips.replaceChildren(...names.map(chip));
    input.placeholder = names.length ? "add" : hintOf(field) || "add a name";
  };
  const set = (value) => {
    names = Array.isArray(value) ? [...value] : [];
    show();
  };
  const chip = (name) => {
    const known = field.options.includes(name);
    const off = element(
      "button",
      { type: "button", class: "qsj-button qsj-plain", "aria-label": `Remove ${name}` },
      "×",
    );
    off.addEventListener("click", () => {
      set(names.filter((each) => each !== name));
      changed();
      input.focus();
    });
    return element("span", { class: `qsj-chip ${known ? "" : "qsj-doubtful"}`, role: "listitem" }, name, off);
  };
  const take = () => {
    const added = input.value.split(/[\s,[\]]+/).filter(Boolean);
    if (!added.length) return;
    input.value = "";
    set([...names, ...added.filter((name) => !names.includes(name))]);
    changed();
  };
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault();
      take();
    } else if (event.key === "Backspace" && !input.value && names.length) {
      set(names.slice(0, -1));
      changed();
    }
  });
  // A choice from the list arrives as an input event without typing.
  input.addEventListener("input", (event) => {
    if (event.inputType === "insertReplacementText" || event.inputType === undefined) take();
  });
  input.addEventListener("change", take);
  return { made, input, get: () => [...names], set };
}

// Rows of cells, one more than are filled in.
function rowsInput(columns, changed, label) {
  const body = element("tbody");
  const head = element("tr", {}, ...columns.map((column) => element("th", { scope: "col" }, column.title)));
  const made = element("table", { class: "qsj-rows", "aria-label": label }, element("thead", {}, head), body);
  const lists = columns.map((column) => (column.options?.length ? suggestions(column.options) : null));
  made.append(...lists.filter(Boolean));
  const inputs = () => [...body.rows].map((row) => [...row.querySelectorAll("input")]);
  const values = () => inputs().map((row) => row.map((input) => input.value));
  const isEmpty = (row) => row.every((text) => !text.trim());
  const addRow = (texts = []) => {
    const cells = columns.map((column, at) => {
      const input = element("input", {
        type: "text",
        class: "qsj-input",
        spellcheck: false,
        value: texts[at] ?? "",
        "aria-label": `${column.title}, row ${body.rows.length + 1}`,
      });
      if (lists[at]) input.setAttribute("list", lists[at].id);
      return element("td", {}, input);
    });
    body.append(element("tr", {}, ...cells));
  };
  const keepOneEmpty = () => {
    const rows = values();
    if (!rows.length || !isEmpty(rows[rows.length - 1])) addRow();
  };
  made.addEventListener("input", () => {
    keepOneEmpty();
    changed();
  });
  return {
    made,
    get: () => values().filter((row) => !isEmpty(row)),
    set(rows) {
      body.replaceChildren();
      (Array.isArray(rows) ? rows : []).forEach(addRow);
      keepOneEmpty();
    },
  };
}

function groupsInput(field, changed) {
  return rowsInput(field.columns, changed, field.name);
}

function pairsInput(field, changed) {
  return rowsInput([{ title: "name" }, { title: "value" }], changed, field.name);
}
