// Permissions: the text that is in force, an edited one beside it, and what it would change.

const WAIT_MS = 400;

export default part("permissions", (root, store, line) => {
  let base = null;
  let timer = null;
  const text = element("textarea", {
    class: "qsj-input qsj-mono qsj-permissions-text",
    spellcheck: false,
    "aria-label": "Permissions as YAML",
  });
  const preview = element("div", { class: "qsj-permissions-preview", "aria-live": "polite" });
  const problem = element("div", { class: "qsj-problem", role: "status" });
  const edited = element("span", { class: "qsj-caption" });
  const isEdited = () => base !== null && text.value !== base;

  const names = (title, list, total) =>
    element(
      "details",
      {},
      element("summary", {}, `${title}: ${total}`),
      element("div", { class: "qsj-mono qsj-names-list" }, list.join(", ") || "none"),
    );
  const change = (sign, title, list) =>
    list.length
      ? [
          element(
            "div",
            { class: `qsj-change-${sign === "+" ? "gain" : "loss"}` },
            `${sign} ${title}: ${list.join(", ")}`,
          ),
        ]
      : [];
  const block = (group) =>
    element(
      "div",
      { class: "qsj-permissions-group" },
      element("strong", {}, group.name),
      names("Plans", group.plans, group.plans_count),
      names("Devices", group.devices, group.devices_count),
      ...change("+", "plans", group.plans_gained),
      ...change("−", "plans", group.plans_lost),
      ...change("+", "devices", group.devices_gained),
      ...change("−", "devices", group.devices_lost),
    );

  const look = async () => {
    const answer = await store.call("preview", { text: text.value });
    if (!answer.ok) {
      store.tell(null);
      setText(problem, answer.text);
      preview.replaceChildren();
      showButtons();
      return;
    }
    setText(problem, "");
    const { groups, difference, warnings } = answer.data;
    preview.replaceChildren(
      ...groups.map(block),
      ...warnings.map((each) => element("div", { class: "qsj-busy" }, `⚠ ${each}`)),
      ...(difference
        ? [
            element("strong", {}, "Difference"),
            element("pre", { class: "qsj-mono qsj-trace", tabIndex: 0 }, difference),
          ]
        : []),
    );
    showButtons();
  };
  const schedule = () => {
    clearTimeout(timer);
    timer = setTimeout(look, WAIT_MS);
    showButtons();
  };
  const save = confirmButton("Save", () => store.call("save", { text: text.value }), {
    class: "qsj-button qsj-main",
    title: "Put the edited permissions into force",
  });
  const revert = button("Revert", () => {
    text.value = base;
    schedule();
  });
  const reload = button("Reload from file", () => store.request("permissions_reload", {}));
  const look_ = button("Preview", look);
  const showButtons = () => {
    const connected = store.fields.connected;
    const away = connected ? "" : "the manager does not answer";
    const same = isEdited() ? "" : "nothing is edited";
    allow(save, away || same || (problem.textContent ? "the text has a mistake" : ""));
    allow(revert, same);
    allow(reload, away);
    allow(look_, away);
    setText(edited, isEdited() ? "edited, not in force" : "in force");
  };
  text.addEventListener("input", schedule);

  root.append(
    element(
      "div",
      { class: "qsj-bar", role: "toolbar", "aria-label": "Permissions" },
      element("strong", {}, "Permissions"),
      edited,
      spread(),
      look_,
      reload,
      revert,
      save,
    ),
    line,
    element(
      "div",
      { class: "qsj-permissions-body" },
      text,
      element("div", { class: "qsj-permissions-side" }, problem, preview),
    ),
  );
  // What the groups may use is asked for when somebody looks, not before: lists can be long.
  let seen = null;
  const lookOnce = () => {
    if (base && seen !== base && !isEdited() && root.clientHeight) {
      seen = base;
      look();
    }
  };
  const sizes = new ResizeObserver(lookOnce);
  sizes.observe(root);
  const update = () => {
    const now = store.fields.text || "";
    if (base === null || (now !== base && !isEdited())) text.value = now;
    base = now;
    lookOnce();
    showButtons();
    root.classList.toggle("qsj-stale", !store.fields.connected);
  };
  return { update, end: () => sizes.disconnect() };
});
