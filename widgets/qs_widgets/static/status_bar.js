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
    ["link", "address", "state", "environment", "queued", "finished", "who", "report", "age"].map((name) => [
      name,
      text(name),
    ]),
  );
  parts.state.setAttribute("role", "status");
  const estimate = element("span", { class: "qsj-caption qsj-estimate" });
  estimate.title = "Learnt from plans that have finished";
  const fact = (caption, ...values) =>
    element("span", { class: "qsj-fact" }, element("span", { class: "qsj-caption" }, caption), ...values);

  const request = (method, params) => () => store.request(method, params);
  const end = (how) => () => store.call("end_plan", { how });
  const risky = { class: "qsj-button qsj-risky" };
  const open = button("Open", request("environment_open"), {
    class: "qsj-button qsj-main",
    title: "Start the worker and load the startup files",
  });
  const close = button("Close", request("environment_close"), { title: "End the worker in order" });
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
  const stopQueue = button(
    "Stop after plan",
    () => store.request(store.fields.stopping ? "queue_stop_cancel" : "queue_stop"),
    { title: "Let the running plan end and start no other" },
  );
  const pause = button("Pause", request("re_pause", { option: "deferred" }), {
    title: "Pause at the next checkpoint",
  });
  const pauseNow = button("Pause now", request("re_pause", { option: "immediate" }), {
    title: "Pause at once and go back to the last checkpoint",
  });
  const resume = button("Resume", request("re_resume"), {
    class: "qsj-button qsj-main",
    title: "Go on from the last checkpoint",
  });
  const stop = button("Stop", end("stop"), {
    title: "End the plan; what it measured counts as complete",
  });
  const abort = confirmButton("Abort", end("abort"), { ...risky, title: "End the plan as aborted" });
  const halt = confirmButton("Halt", end("halt"), { ...risky, title: "End the plan without its clean-up, also one that hangs" });
  const auto = checkbox("Auto", (on) => store.request("queue_autostart", { enable: on }));
  const loop = checkbox("Loop", (on) => store.request("queue_mode_set", { mode: { loop: on } }));
  const ignore = checkbox("Ignore failures", (on) =>
    store.request("queue_mode_set", { mode: { ignore_failures: on } }),
  );
  auto.made.title = "Start by itself whenever there is something to run";
  loop.made.title = "Put each finished item at the back of the queue";
  ignore.made.title = "Go on with the next item after a failure";
  const lock = button("", () => store.call("show", { part: "lock" }), {
    class: "qsj-button qsj-lockword",
    title: "Lock and unlock",
  });

  root.append(
    element(
      "div",
      { class: "qsj-bar qsj-top" },
      element("span", { class: "qsj-connection" }, parts.link, parts.address),
      parts.state,
      fact("Environment", parts.environment),
      fact("Queue", parts.queued, estimate),
      fact("History", parts.finished),
      spread(),
      element("span", { class: "qsj-fact qsj-person" }, parts.who, lock),
    ),
    element(
      "div",
      { class: "qsj-controls qsj-acts" },
      group("Environment", open, close, destroy),
      group("Queue", start, stopQueue, auto.made, loop.made, ignore.made),
      group("Plan", pause, pauseNow, resume, stop, abort, halt),
    ),
    parts.age,
    parts.report,
    line,
  );

  const showHow = (is) => {
    setText(parts.link, `${LINKS[is.link] || "○"} ${is.link}`);
    parts.link.title = is.address;
    setText(parts.address, is.address);
    setText(parts.state, `${SHAPES[is.kind] || ""} ${is.state}`);
    parts.state.className = `qsj-state qsj-state-${is.kind}`;
    parts.state.title = Object.entries(is.wire || {})
      .map(([name, value]) => `${name}: ${value}`)
      .join("\n");
    setText(parts.environment, is.environment);
    setText(parts.queued, is.queued ?? "–");
    setText(estimate, is.estimate ? `(${is.estimate})` : "");
    setText(parts.finished, is.finished ?? "–");
    setText(parts.who, is.who);
    const locked = is.lock.endsWith(" locked");
    setText(lock, locked ? `■ ${is.lock}` : is.lock || "lock unknown");
    lock.classList.toggle("qsj-locked", locked);
    lock.disabled = store.readOnly;
    setText(parts.report, is.report ? `⚠ The environment could not be opened: ${is.report}` : "");
    parts.report.hidden = !is.report;
    const since = is.lost_at && `Since ${clockTime(is.lost_at)} the manager does not answer`;
    setText(parts.age, since ? `⚠ ${since}: what you see may be out of date` : "");
    parts.age.hidden = is.link === "connected" || !since;
  };

  return (now) => {
    const is = now.fields;
    const no = is.obstacles || {};
    root.dataset.state = is.kind;
    root.dataset.link = is.link;
    showHow(is);
    setText(stopQueue, is.stopping ? "Cancel the stop" : "Stop after plan");
    for (const [control, obstacle] of [
      [open, no.open],
      [close, no.close],
      [destroy, no.destroy],
      [start, no.start],
      [stopQueue, no.stop],
      [pause, no.pause],
      [pauseNow, no.pause],
      [resume, no.resume],
      [stop, no.end],
      [abort, no.end],
      [halt, no.end],
    ]) {
      allow(control, obstacle);
    }
    for (const [each, on] of [
      [auto, is.autostart],
      [loop, is.mode?.loop],
      [ignore, is.mode?.ignore_failures],
    ]) {
      each.box.checked = Boolean(on);
      allow(each.box, no.modes);
    }
  };
});
