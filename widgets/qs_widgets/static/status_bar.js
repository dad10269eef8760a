// Status and controls.

const SHAPES = { ready: "●", running: "▶", paused: "‖", busy: "◌", off: "○" };
const LINKS = {
  connected: "●",
  connecting: "◌",
  "no answer": "▲",
  offline: "○",
};

export default part("status", (root, store, line) => {
  const text = (name) => element("span", { class: `qsj-${name}` });
  const parts = Object.fromEntries(
    ["link", "address", "state", "environment", "queued", "finished", "who", "lockword", "report", "age"].map(
      (name) => [name, text(name)],
    ),
  );
  parts.state.setAttribute("role", "status");
  const fact = (caption, value) =>
    element("span", { class: "qsj-fact" }, element("span", { class: "qsj-caption" }, caption), value);

  const request = (method, params) => () => store.request(method, params);
  const end = (how) => () => store.call("end_plan", { how });
  const risky = { class: "qsj-button qsj-risky" };
  const open = button("Open", request("environment_open"));
  const close = button("Close", request("environment_close"));
  const destroy = confirmButton("Destroy", request("environment_destroy"), {
    ...risky,
    title: "Kill the worker, whatever it does",
  });
  // A plan that came back after a failure must not be run again by one careless click.
  const start = confirmButton(
    "Start",
    request("queue_start"),
    { class: "qsj-button qsj-main", title: "Run the queue from its front" },
    () => store.fields.returned,
  );
  const stopQueue = button("Stop after plan", () =>
    store.request(store.fields.stopping ? "queue_stop_cancel" : "queue_stop"),
  );
  const pause = button("Pause", request("re_pause", { option: "deferred" }), {
    title: "Pause at the next checkpoint",
  });
  const pauseNow = button("Pause now", request("re_pause", { option: "immediate" }), {
    title: "Pause at once",
  });
  const resume = button("Resume", request("re_resume"), { class: "qsj-button qsj-main" });
  const stop = button("Stop", end("stop"), {
    title: "End the plan; what it measured counts as complete",
  });
  const abort = confirmButton("Abort", end("abort"), { ...risky, title: "End the plan as aborted" });
  const halt = confirmButton("Halt", end("halt"), { ...risky, title: "End the plan without its clean-up" });
  const auto = checkbox("Auto", (on) => store.request("queue_autostart", { enable: on }));
  const loop = checkbox("Loop", (on) => store.request("queue_mode_set", { mode: { loop: on } }));
  const ignore = checkbox("Ignore failures", (on) =>
    store.request("queue_mode_set", { mode: { ignore_failures: on } }),
  );
  auto.made.title = "Start by itself whenever there is something to run";
  loop.made.title = "Put each finished item at the back of the queue";
  ignore.made.title = "Go on with the next item after a failure";

  root.append(
    element(
      "div",
      { class: "qsj-bar qsj-top" },
      element("span", { class: "qsj-connection" }, parts.link, parts.address),
      parts.state,
      fact("Environment", parts.environment),
      fact("Queue", parts.queued),
      fact("History", parts.finished),
      spread(),
      parts.who,
      parts.lockword,
    ),
    element(
      "div",
      { class: "qsj-controls" },
      group("Environment", open, close, destroy),
      group("Queue", start, stopQueue, auto.made, loop.made, ignore.made),
      group("Plan", pause, pauseNow, resume, stop, abort, halt),
    ),
    parts.age,
    parts.report,
    line,
  );

  return (now) => {
    const is = now.fields;
    const can = is.enabled || {};
    root.dataset.state = is.kind;
    root.dataset.link = is.link;
    setText(parts.link, `${LINKS[is.link] || "○"} ${is.link}`);
    setText(parts.address, is.address);
    setText(parts.state, `${SHAPES[is.kind] || ""} ${is.state}`);
    parts.state.className = `qsj-state qsj-state-${is.kind}`;
    parts.state.title = Object.entries(is.wire || {})
      .map(([name, value]) => `${name}: ${value}`)
      .join("\n");
    setText(parts.environment, is.environment);
    setText(parts.queued, is.queued ?? "–");
    setText(parts.finished, is.finished ?? "–");
    setText(parts.who, is.who);
    const locked = is.lock.endsWith(" locked");
    setText(parts.lockword, locked ? `■ ${is.lock}` : is.lock);
    parts.lockword.classList.toggle("qsj-locked", locked);
    setText(parts.report, is.report ? `⚠ The environment could not be opened: ${is.report}` : "");
    parts.report.hidden = !is.report;
    const hint = is.queued === null ? "No manager answers: start one with start-re-manager" : "";
    setText(
      parts.age,
      is.lost_at
        ? `⚠ Since ${clockTime(is.lost_at)} the manager does not answer: what you see may be out of date`
        : hint,
    );
    parts.age.hidden = is.link === "connected" || !parts.age.textContent;
    open.disabled = !can.open;
    close.disabled = !can.close;
    destroy.disabled = !can.destroy;
    start.disabled = !can.start;
    stopQueue.disabled = !can.stop;
    setText(stopQueue, is.stopping ? "Cancel the stop" : "Stop after plan");
    pause.disabled = pauseNow.disabled = !can.pause;
    resume.disabled = !can.resume;
    stop.disabled = abort.disabled = halt.disabled = !can.end;
    for (const [each, on] of [
      [auto, is.autostart],
      [loop, is.mode?.loop],
      [ignore, is.mode?.ignore_failures],
    ]) {
      each.box.checked = Boolean(on);
      each.box.disabled = !can.modes;
    }
  };
});
