// The lock. The key leaves the page as one message and is kept nowhere here.

export default part("lock", (root, store, line) => {
  const now = element("div", { class: "qsj-lock-now", role: "status" });
  const note = element("input", {
    type: "text",
    class: "qsj-input qsj-wide-input",
    placeholder: "Why, and until when",
  });
  const key = element("input", {
    type: "password",
    class: "qsj-input",
    autocomplete: "off",
    placeholder: "Lock key",
  });
  key.setAttribute("data-1p-ignore", "");
  const environment = checkbox("Environment");
  const queue = checkbox("Queue");
  environment.box.checked = queue.box.checked = true;

  // The field is emptied at once: a key is typed for one use.
  const typed = () => {
    const value = key.value;
    key.value = "";
    return value;
  };
  const lock = button(
    "Lock",
    () =>
      store.call("lock", {
        environment: environment.box.checked,
        queue: queue.box.checked,
        note: note.value,
        key: typed(),
      }),
    { class: "qsj-button qsj-main" },
  );
  const unlock = button("Unlock", () => store.call("unlock", { key: typed() }), {
    title: "With the key that is typed, or the one that is kept",
  });
  const check = button("Use this key", () => store.call("check", { key: typed() }), {
    title: "Check the key and work with it while the lock is on",
  });
  const forget = button("Forget the key", () => store.call("forget"), {
    title: "This notebook kernel keeps it no longer",
  });
  key.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const isLocked = store.fields.environment || store.fields.queue;
    (isLocked ? check : lock).click();
  });

  root.append(
    now,
    line,
    element(
      "div",
      { class: "qsj-form-body" },
      element(
        "div",
        { class: "qsj-running-line" },
        element("span", { class: "qsj-caption" }, "What"),
        environment.made,
        queue.made,
      ),
      labelled("Note", note),
      labelled("Key", key),
      element("div", { class: "qsj-actions" }, lock, unlock, check, forget),
      element(
        "div",
        { class: "qsj-caption" },
        "The lock prevents accidents; it is no protection against ill will. The key is kept in the memory of this notebook kernel until you unlock, and is written nowhere.",
      ),
    ),
  );
  return () => {
    const is = store.fields;
    const scopes = ["environment", "queue"].filter((name) => is[name]);
    const who = [is.user && `by ${is.user}`, is.time_str, is.note && `“${is.note}”`]
      .filter(Boolean)
      .join(", ");
    setText(
      now,
      scopes.length
        ? `LOCKED: ${scopes.join(" and ")}, ${who}${is.holds_key ? " · you hold the key" : ""}`
        : "Nothing is locked: everybody may open the environment and change the queue",
    );
    now.classList.toggle("qsj-locked", scopes.length > 0);
    const away = is.connected ? "" : "the manager does not answer";
    const open = scopes.length ? "" : "nothing is locked";
    setText(lock, scopes.length ? "Change the lock" : "Lock");
    lock.classList.toggle("qsj-main", !scopes.length);
    unlock.classList.toggle("qsj-main", scopes.length > 0);
    allow(lock, away);
    allow(unlock, away || open);
    allow(check, away || open);
    allow(forget, is.holds_key ? "" : "no key is kept");
    root.classList.toggle("qsj-stale", !is.connected);
  };
});
