// The running plan: what it is, how far it is, and what it measures.

export default part("running", (root, store, line) => {
  const title = element("div", { class: "qsj-running-title" });
  const name = element("strong");
  const parameters = element("span", { class: "qsj-mono" });
  title.append(name, " ", parameters);
  const bar = element("progress", { class: "qsj-progress", "aria-label": "Progress of the plan" });
  const points = element("span", { class: "qsj-points" });
  const left = element("span", { class: "qsj-caption" });
  const facts = element("div", { class: "qsj-caption" });
  const copy = button("Copy to queue", () => store.call("copy_to_queue"));
  const plot = newPlot();
  const idle = element("div", { class: "qsj-caption qsj-idle" }, "No plan is running");
  const text = element(
    "div",
    { class: "qsj-running-text" },
    idle,
    title,
    bar,
    element("div", { class: "qsj-running-line" }, points, left, spread(), copy),
    facts,
  );
  root.append(element("div", { class: "qsj-running-body" }, text, plot.made), line);
  let deadline = null;
  let drawn = null;

  const span = (seconds) => {
    if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
    const minutes = Math.round(seconds / 60);
    return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  };
  const showLeft = () => {
    const paused = store.fields.kind === "paused";
    if (deadline === null || paused) setText(left, "");
    else setText(left, `about ${span((deadline - Date.now()) / 1000)} left`);
  };
  // The time left runs down between two points as well.
  const timer = setInterval(showLeft, 1000);

  return {
    update() {
      const is = store.fields;
      const run = is.plot || {};
      const runs = Boolean(is.runs_now);
      setText(name, is.name || "");
      setText(parameters, is.parameters || "");
      title.hidden = bar.hidden = copy.hidden = !runs;
      idle.hidden = runs;
      setText(idle, run.run ? "No plan is running. The latest run:" : "No plan is running");
      const known = run.points_total;
      const hasRun = Boolean(run.run);
      if (runs && known) {
        bar.max = known;
        bar.value = Math.min(run.points, known);
      } else bar.removeAttribute("value");
      setText(points, hasRun ? `${run.points}${known ? ` / ${known}` : ""} points` : "");
      deadline = runs && run.left ? Date.now() + run.left * 1000 : null;
      if (drawn !== store.rows || !runs) showLeft();
      const parts = [];
      if (hasRun) parts.push(`run ${run.run.slice(0, 8)}`, `scan_id ${run.scan_id ?? "–"}`);
      if (is.runs > 1) parts.push(`${is.runs} runs`);
      if (is.began) parts.push(`started ${clockTime(is.began)}`);
      else if (run.began) parts.push(`started ${clockTime(run.began)}`);
      if (runs && is.user) parts.push(`by ${is.user}`);
      setText(facts, parts.join(" · "));
      root.classList.toggle("qsj-is-idle", !runs);
      const draws = hasRun && (run.signals || []).length > 0 && store.rows.length > 0;
      plot.made.hidden = !draws;
      if (draws && drawn !== store.rows) {
        drawn = store.rows;
        plot.draw(store.rows, run.axis, run.signals, run.units);
      }
      copy.disabled = !is.connected;
      root.classList.toggle("qsj-stale", !is.connected);
    },
    end() {
      clearInterval(timer);
      plot.end();
    },
  };
});
