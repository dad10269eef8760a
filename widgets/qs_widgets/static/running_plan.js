// The running plan: what it is, how far it is, and what it measures.

export default part("running", (root, store, line) => {
  const name = element("strong");
  const parameters = element("span", { class: "qsj-mono" });
  const title = element("div", { class: "qsj-running-title" }, name, " ", parameters);
  const fill = element("div", { class: "qsj-progress-fill" });
  const bar = element(
    "div",
    { class: "qsj-progress", role: "progressbar", "aria-label": "Progress of the plan", "aria-valuemin": "0" },
    fill,
  );
  const points = element("span", { class: "qsj-points" });
  const left = element("span", { class: "qsj-caption" });
  const facts = element("div", { class: "qsj-caption qsj-running-facts" });
  const copy = button("Copy to queue", () => store.call("copy_to_queue"), {
    class: "qsj-button qsj-acts",
    title: "Add a copy of this plan at the back of the queue",
  });
  const plot = newPlot();
  const idle = element("div", { class: "qsj-caption qsj-idle" });
  const progress = element("div", { class: "qsj-running-line" }, points, left, spread(), copy);
  const text = element("div", { class: "qsj-running-text" }, idle, title, bar, progress, facts);
  root.append(element("div", { class: "qsj-running-body" }, text, plot.made), line);
  let deadline = null;
  let drawn = null;
  let reckoned = null;

  const span = (seconds) => {
    if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
    const minutes = Math.round(seconds / 60);
    return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  };

  // What the points tell goes before what runs of the past tell.
  const endOf = (is, run) => {
    if (!is.runs_now) return null;
    if (run.left) return Date.now() + run.left * 1000;
    return is.estimate && is.began ? (is.began + is.estimate) * 1000 : null;
  };
  const showLeft = () => {
    const is = store.fields;
    const rest = deadline === null ? null : (deadline - Date.now()) / 1000;
    if (!is.runs_now || is.kind === "paused") setText(left, "");
    else if (rest === null) setText(left, "time left unknown");
    else setText(left, rest > 0 ? `about ${span(rest)} left` : "longer than usual");
    showBar(rest);
  };
  const showBar = (rest) => {
    const { runs_now: runs, estimate, plot: run = {} } = store.fields;
    const known = run.points_total ? run.points / run.points_total : null;
    const guessed = rest !== null && estimate ? 1 - rest / estimate : null;
    const share = Math.min(1, Math.max(0, known ?? guessed ?? 0));
    bar.classList.toggle("qsj-unknown", runs && known === null && guessed === null);
    fill.style.width = `${(100 * share).toFixed(1)}%`;
    setAttribute(bar, "aria-valuemax", run.points_total || 100);
    setAttribute(bar, "aria-valuenow", run.points_total ? run.points : Math.round(100 * share));
  };
  // The time left runs down between two points as well.
  const timer = setInterval(showLeft, 1000);

  const factsOf = (is, run) => {
    const last = store.rows[store.rows.length - 1];
    const began = is.began || run.began;
    return [
      last && run.axis && !["time", "point"].includes(run.axis) && `${run.axis} ${last[1]}`,
      run.run && `run ${run.run.slice(0, 8)}`,
      run.run && `scan ${run.scan_id ?? "–"}`,
      is.runs > 1 && `${is.runs} runs`,
      began && `started ${clockTime(began)}`,
      is.runs_now && is.user && `by ${is.user}`,
    ].filter(Boolean);
  };

  return {
    update() {
      const is = store.fields;
      const run = is.plot || {};
      const runs = Boolean(is.runs_now);
      setText(name, is.name || "");
      setText(parameters, is.parameters || "");
      title.title = is.parameters || "";
      title.hidden = bar.hidden = copy.hidden = !runs;
      idle.hidden = runs;
      setText(idle, `${is.advice || "No plan is running"}${run.run ? ` · ${is.chosen ? "Chosen" : "Latest"} run:` : ""}`);
      const total = run.points_total ? ` / ${run.points_total}` : "";
      setText(points, run.run ? `${run.points}${total} points` : "");
      // Between two points the end that was worked out stands; it must not move with each message.
      const now = [is.uid, run.run, run.points, is.estimate].join();
      if (now !== reckoned) deadline = endOf(is, run);
      reckoned = now;
      showLeft();
      setText(facts, factsOf(is, run).join(" · "));
      progress.hidden = facts.hidden = !runs && !run.run;
      root.classList.toggle("qsj-is-idle", !runs);
      const draws = Boolean(run.run) && (run.signals || []).length > 0 && store.rows.length > 0;
      plot.made.hidden = !draws;
      if (draws && drawn !== store.rows) {
        drawn = store.rows;
        plot.draw(store.rows, run.axis, run.signals, run.units);
      }
      allow(copy, is.connected ? "" : "The manager does not answer");
      root.classList.toggle("qsj-stale", !is.connected);
    },
    end() {
      clearInterval(timer);
      plot.end();
    },
  };
});
