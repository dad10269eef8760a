// Curves, drawn as SVG. Colour tells them apart, and so does the kind of line.

const SVG = "http://www.w3.org/2000/svg";
const DASHES = ["", "6 3", "2 3", "8 3 2 3", "4 4", "1 4"];
const MARGIN = { left: 58, right: 10, top: 8, bottom: 34 };

function shape(name, properties = {}, text = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(properties)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}

// About four round numbers that cover a range.
function ticks(low, high) {
  const span = high - low || 1;
  const raw = span / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= raw);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step) found.push(at);
  return found;
}

function tickText(value) {
  if (value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3)) return value.toExponential(1);
  return String(Number(value.toPrecision(6)));
}

function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value === null) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  if (low === high) return [low - 0.5, high + 0.5];
  return [low, high];
}

function newPlot() {
  const svg = shape("svg", { class: "qsj-plot", role: "img" });
  const legend = element("div", { class: "qsj-legend" });
  const made = element("div", { class: "qsj-plot-frame" }, svg, legend);
  const hidden = new Set();
  let last = null;

  const draw = (rows, axis, signals, units) => {
    last = [rows, axis, signals, units];
    const width = Math.max(220, made.clientWidth || 340);
    const height = Math.max(110, (made.clientHeight || 190) - (legend.offsetHeight || 0));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    const shown = signals.filter((name) => !hidden.has(name));
    const [left, right] = extent(rows.map((row) => row[1]));
    const columns = shown.map((name) => 2 + signals.indexOf(name));
    let [bottom, top] = extent(columns.flatMap((column) => rows.map((row) => row[column])));
    const room = (top - bottom) * 0.06;
    [bottom, top] = [bottom - room, top + room];
    const across = (value) =>
      MARGIN.left + ((value - left) / (right - left)) * (width - MARGIN.left - MARGIN.right);
    const up = (value) =>
      height - MARGIN.bottom - ((value - bottom) / (top - bottom)) * (height - MARGIN.top - MARGIN.bottom);
    const parts = [];
    for (const at of ticks(bottom, top)) {
      parts.push(
        shape("line", {
          x1: MARGIN.left,
          x2: width - MARGIN.right,
          y1: up(at),
          y2: up(at),
          class: "qsj-gridline",
        }),
      );
      parts.push(shape("text", { x: MARGIN.left - 5, y: up(at) + 4, "text-anchor": "end" }, tickText(at)));
    }
    for (const at of ticks(left, right)) {
      parts.push(
        shape("line", {
          x1: across(at),
          x2: across(at),
          y1: height - MARGIN.bottom,
          y2: height - MARGIN.bottom + 4,
          class: "qsj-tick",
        }),
      );
      parts.push(
        shape(
          "text",
          { x: across(at), y: height - MARGIN.bottom + 15, "text-anchor": "middle" },
          tickText(at),
        ),
      );
    }
    parts.push(
      shape("rect", {
        x: MARGIN.left,
        y: MARGIN.top,
        width: width - MARGIN.left - MARGIN.right,
        height: height - MARGIN.top - MARGIN.bottom,
        class: "qsj-plot-box",
      }),
    );
    const label = axis === "time" ? "time [s]" : axis === "point" ? "point" : axis;
    parts.push(
      shape(
        "text",
        {
          x: (MARGIN.left + width - MARGIN.right) / 2,
          y: height - 4,
          "text-anchor": "middle",
          class: "qsj-axis",
        },
        label,
      ),
    );
    shown.forEach((name, at) => {
      const column = columns[at];
      const number = signals.indexOf(name) % DASHES.length;
      const points = rows
        .filter((row) => row[1] !== null && row[column] !== null)
        .map((row) => [across(row[1]), up(row[column])]);
      const place = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
      parts.push(
        shape("polyline", {
          points: place,
          class: `qsj-curve qsj-curve-${number}`,
          "stroke-dasharray": DASHES[number],
        }),
      );
      const marked = points.length <= 60 ? points : points.slice(-1);
      marked.forEach(([x, y]) =>
        parts.push(
          shape("circle", {
            cx: x.toFixed(1),
            cy: y.toFixed(1),
            r: 2.2,
            class: `qsj-point qsj-curve-${number}`,
          }),
        ),
      );
    });
    svg.replaceChildren(...parts);
    const latest = rows[rows.length - 1];
    const values = signals.map((name, at) => `${name} ${latest?.[at + 2] ?? "–"}`).join(", ");
    svg.setAttribute(
      "aria-label",
      `${signals.join(", ")} against ${label}, ${rows.length} points, latest ${values}`,
    );
    showLegend(signals, units || {}, latest);
  };

  const showLegend = (signals, units, latest) => {
    if (legend.dataset.names !== signals.join("|")) {
      legend.dataset.names = signals.join("|");
      legend.replaceChildren(...signals.map((name, at) => entry(name, at % DASHES.length)));
    }
    signals.forEach((name, at) => {
      const value = latest ? latest[at + 2] : null;
      setText(
        legend.children[at].lastChild,
        `${name} ${value === null || value === undefined ? "" : value}${units[name] ? ` ${units[name]}` : ""}`,
      );
    });
  };

  const entry = (name, number) => {
    const line = shape("svg", { width: 22, height: 8, "aria-hidden": "true" });
    line.append(
      shape("line", {
        x1: 0,
        x2: 22,
        y1: 4,
        y2: 4,
        class: `qsj-curve qsj-curve-${number}`,
        "stroke-dasharray": DASHES[number],
      }),
    );
    const toggle = element(
      "button",
      {
        type: "button",
        class: "qsj-button qsj-plain",
        title: "Show or hide",
        "aria-pressed": String(!hidden.has(name)),
      },
      line,
      element("span", {}, name),
    );
    toggle.addEventListener("click", () => {
      if (!hidden.delete(name)) hidden.add(name);
      setAttribute(toggle, "aria-pressed", String(!hidden.has(name)));
      draw(...last);
    });
    return toggle;
  };

  const sizes = new ResizeObserver(() => last && draw(...last));
  sizes.observe(made);
  return { made, draw, end: () => sizes.disconnect() };
}
