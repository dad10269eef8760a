// Building blocks of the views. Everything that comes as data goes in as text, never as HTML.

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && !name.includes("-")) made[name] = value;
    else setAttribute(made, name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function setAttribute(target, name, value) {
  if (value === null || value === undefined || value === false) target.removeAttribute(name);
  else target.setAttribute(name, value === true ? "" : String(value));
}

function setText(target, text) {
  const shown = text === null || text === undefined ? "" : String(text);
  if (target.textContent !== shown) target.textContent = shown;
}

let lastNumber = 0;

function newId(prefix) {
  lastNumber += 1;
  return `${prefix}-${Math.random().toString(36).slice(2, 8)}-${lastNumber}`;
}

// A button that shows that it waits for its answer. `act` returns a promise or nothing.
function button(label, act, properties = {}) {
  const made = element("button", { type: "button", class: "qsj-button", ...properties }, label);
  made.addEventListener("click", () => waitFor(made, act()));
  return made;
}

async function waitFor(target, promise) {
  if (!promise || typeof promise.finally !== "function") return;
  target.classList.add("qsj-waits");
  target.setAttribute("aria-busy", "true");
  try {
    await promise;
  } finally {
    target.classList.remove("qsj-waits");
    target.removeAttribute("aria-busy");
  }
}

const CONFIRM_MS = 5000;

// A button for what cannot be taken back: the first click only asks. `asks` may say that no
// question is needed at the moment.
function confirmButton(label, act, properties = {}, asks = () => true) {
  let timer = null;
  const rest = () => {
    clearTimeout(timer);
    timer = null;
    made.classList.remove("qsj-asks");
    setText(made, label);
  };
  const made = element("button", { type: "button", class: "qsj-button", ...properties }, label);
  made.addEventListener("click", () => {
    if (timer === null && asks()) {
      setText(made, `Confirm ${label.toLowerCase()}`);
      made.classList.add("qsj-asks");
      timer = setTimeout(rest, CONFIRM_MS);
      return;
    }
    rest();
    waitFor(made, act());
  });
  made.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && timer !== null) rest();
  });
  return made;
}

// Enable a control, or have it say why it is of no use now.
function allow(target, obstacle) {
  const said = target.closest("label") || target;
  if (said.dataset.hint === undefined) said.dataset.hint = said.title;
  target.disabled = Boolean(obstacle);
  const title = [said.dataset.hint, obstacle ? `Not now: ${obstacle}` : ""].filter(Boolean).join("\n");
  if (said.title !== title) said.title = title;
}

// A button whose word makes room for a sign where there is little of it.
function signButton(sign, label, act, properties = {}) {
  const made = button("", act, { ...properties, "aria-label": label });
  made.append(
    element("span", { class: "qsj-brief", "aria-hidden": "true" }, sign),
    element("span", { class: "qsj-word" }, label),
  );
  return made;
}

// A button that unfolds others; `entries` are buttons, or inputs with a label.
function menu(label, hint, entries, properties = {}) {
  const face = element("summary", { class: "qsj-button", title: hint }, `${label} ▾`);
  const list = element("div", { class: "qsj-menu-list", role: "group", "aria-label": label }, ...entries);
  const made = element("details", { class: "qsj-menu", ...properties }, face, list);
  const close = () => (made.open = false);
  list.addEventListener("click", (event) => event.target.closest("button") && close());
  made.addEventListener("focusout", (event) => {
    if (made.open && event.relatedTarget && !made.contains(event.relatedTarget)) close();
  });
  made.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !made.open) return;
    close();
    face.focus();
  });
  return made;
}

function checkbox(label, act, properties = {}) {
  const box = element("input", { type: "checkbox", ...properties });
  box.addEventListener("change", () => waitFor(box, act ? act(box.checked) : null));
  const made = element("label", { class: "qsj-check" }, box, ` ${label}`);
  return { made, box };
}

// Something with a caption above it, tied together for screen readers.
function labelled(caption, input, hint = "") {
  input.id = input.id || newId("qsj");
  return element(
    "div",
    { class: "qsj-labelled" },
    element("label", { htmlFor: input.id, class: "qsj-caption", title: hint }, caption),
    input,
  );
}

function group(caption, ...children) {
  return element(
    "div",
    { class: "qsj-group", role: "group", "aria-label": caption },
    element("span", { class: "qsj-caption" }, caption),
    ...children,
  );
}

function spread() {
  return element("span", { class: "qsj-spread" });
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a secure connection the browser offers only the old way.
    const area = element("textarea", { value: text, class: "qsj-offstage" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

function saveText(name, text, type = "text/plain") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// A name for a file of today.
function dated(name, ending) {
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `${name}-${day}-${two(now.getHours())}${two(now.getMinutes())}.${ending}`;
}

function clockTime(seconds) {
  if (!seconds) return "";
  const when = new Date(seconds * 1000);
  const time = when.toTimeString().slice(0, 8);
  return when.toDateString() === new Date().toDateString()
    ? time
    : `${String(when.getMonth() + 1).padStart(2, "0")}-${String(when.getDate()).padStart(2, "0")} ${time}`;
}
