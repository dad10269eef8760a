// A table of any length. Only the rows in sight exist; they stand in the document in their
// visible order, so screen readers and keys see the same table as the eye.

const ROW_HEIGHT = 28;
const MORE_ROWS = 6;
const EDGE = 36;

// `columns`: [{ title, class, cell(row, index) → text, name? }]. `hooks`: open(key),
// key(event) → true if used, move(keys, beforeKey), selected(), badge(row) → class.
function newGrid(label, columns, hooks = {}) {
  const id = newId("grid");
  let rows = [];
  let keys = [];
  let dropAt = null;
  let scrollTimer = null;

  const head = element(
    "div",
    { class: "qsj-row qsj-head", role: "row", "aria-rowindex": "1" },
    ...columns.map((column) =>
      element("div", { class: `qsj-cell ${column.class}`, role: "columnheader" }, column.title),
    ),
  );
  const body = element("div", { class: "qsj-body", role: "rowgroup" });
  const drop = element("div", { class: "qsj-drop", "aria-hidden": "true", hidden: true });
  const space = element("div", { class: "qsj-space", role: "presentation" }, body, drop);
  const port = element("div", { class: "qsj-port", role: "presentation" }, space);
  const empty = element("div", { class: "qsj-empty", hidden: true });
  const made = element(
    "div",
    { class: "qsj-grid", role: "grid", tabIndex: 0, "aria-label": label, "aria-multiselectable": "true" },
    head,
    port,
    empty,
  );
  const selection = newSelection(() => {
    paint();
    hooks.selected?.();
  });

  const newRow = () => {
    const row = element("div", { class: "qsj-row", role: "row" });
    columns.forEach((column) =>
      row.append(element("div", { class: `qsj-cell ${column.class}`, role: "gridcell" })),
    );
    if (hooks.move) row.draggable = true;
    return row;
  };

  const fill = (shown, index) => {
    const row = rows[index];
    const key = row[0];
    shown.id = `${id}-${index}`;
    shown.dataset.index = index;
    shown.dataset.key = key;
    setAttribute(shown, "aria-rowindex", index + 2);
    setAttribute(shown, "aria-selected", String(selection.has(key)));
    shown.className = `qsj-row ${index % 2 ? "qsj-odd" : ""} ${hooks.badge?.(row) || ""}`;
    shown.classList.toggle("qsj-active", key === selection.active);
    columns.forEach((column, at) => {
      const cell = shown.children[at];
      setText(cell, column.cell(row, index));
      if (column.hint) cell.title = column.hint(row);
    });
  };

  const paint = () => {
    const height = port.clientHeight || 280;
    const first = Math.max(0, Math.floor(port.scrollTop / ROW_HEIGHT) - MORE_ROWS);
    const last = Math.min(rows.length, Math.ceil((port.scrollTop + height) / ROW_HEIGHT) + MORE_ROWS);
    space.style.height = `${rows.length * ROW_HEIGHT}px`;
    body.style.transform = `translateY(${first * ROW_HEIGHT}px)`;
    const count = Math.max(0, last - first);
    while (body.children.length < count) body.append(newRow());
    [...body.children].forEach((shown, at) => {
      shown.hidden = at >= count;
      if (at < count) fill(shown, first + at);
      else shown.removeAttribute("id");
    });
    const place = keys.indexOf(selection.active);
    const inSight = place >= first && place < last;
    setAttribute(made, "aria-activedescendant", inSight ? `${id}-${place}` : null);
    setAttribute(made, "aria-rowcount", rows.length + 1);
    drop.hidden = dropAt === null;
    if (dropAt !== null) drop.style.top = `${dropAt * ROW_HEIGHT - 1}px`;
  };

  const reveal = (index) => {
    const top = index * ROW_HEIGHT;
    if (top < port.scrollTop) port.scrollTop = top;
    else if (top + ROW_HEIGHT > port.scrollTop + port.clientHeight) {
      port.scrollTop = top + ROW_HEIGHT - port.clientHeight;
    }
  };

  const walk = (event, to) => {
    const index = Math.max(0, Math.min(keys.length - 1, to));
    if (!keys.length) return;
    reveal(index);
    if (event.shiftKey) selection.extend(keys, keys[index]);
    else if (event.ctrlKey || event.metaKey) selection.goTo(keys[index]);
    else selection.only([keys[index]]);
  };

  const steps = () => {
    const page = Math.max(1, Math.floor(port.clientHeight / ROW_HEIGHT) - 1);
    return { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  };

  made.addEventListener("keydown", (event) => {
    if (event.target !== made) return;
    if (hooks.key?.(event)) {
      event.preventDefault();
      return;
    }
    if (event.altKey) return;
    const step = steps()[event.key];
    const at = keys.indexOf(selection.active);
    if (step !== undefined) walk(event, at < 0 && step > 0 && step < 2 ? 0 : at + step);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) selection.only(keys, selection.active);
    else if (event.key === " " && at >= 0) selection.toggle(keys[at]);
    else if (event.key === "Escape") selection.only([], selection.active);
    else if (event.key === "Enter" && at >= 0) hooks.open?.(keys[at]);
    else return;
    event.preventDefault();
  });
  const keyAt = (event) => event.target.closest?.(".qsj-body .qsj-row")?.dataset.key;
  made.addEventListener("mousedown", () => made.focus({ preventScroll: true }));
  made.addEventListener("click", (event) => {
    const key = keyAt(event);
    if (key) selection.click(keys, key, event);
  });
  made.addEventListener("dblclick", (event) => {
    const key = keyAt(event);
    if (key) hooks.open?.(key);
  });
  port.addEventListener("scroll", () => requestAnimationFrame(paint));
  const sizes = new ResizeObserver(() => {
    // The titles stand above their columns, with and without a scroll bar.
    head.style.paddingRight = `${8 + port.offsetWidth - port.clientWidth}px`;
    paint();
  });
  sizes.observe(port);
  sizes.observe(space);

  const scrollAtEdge = (event) => {
    const box = port.getBoundingClientRect();
    const speed = event.clientY < box.top + EDGE ? -1 : event.clientY > box.bottom - EDGE ? 1 : 0;
    clearInterval(scrollTimer);
    scrollTimer = speed ? setInterval(() => (port.scrollTop += speed * 14), 16) : null;
  };
  const endDrag = () => {
    clearInterval(scrollTimer);
    scrollTimer = null;
    dropAt = null;
    made.classList.remove("qsj-dragging");
    paint();
  };
  const dragKind = `application/x-${id}`;
  if (hooks.move) {
    made.addEventListener("dragstart", (event) => {
      const key = keyAt(event);
      if (!key) return;
      event.stopPropagation();
      if (!selection.has(key)) selection.only([key]);
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData(dragKind, "rows");
      made.classList.add("qsj-dragging");
    });
    const dragOn = (event) => {
      if (!event.dataTransfer.types.includes(dragKind)) return;
      event.preventDefault();
      event.stopPropagation();
      const y = event.clientY - port.getBoundingClientRect().top + port.scrollTop;
      dropAt = Math.max(0, Math.min(keys.length, Math.round(y / ROW_HEIGHT)));
      scrollAtEdge(event);
      paint();
    };
    made.addEventListener("dragenter", dragOn);
    made.addEventListener("dragover", dragOn);
    made.addEventListener("drop", (event) => {
      if (dropAt === null) return;
      event.preventDefault();
      event.stopPropagation();
      const behind = keys.slice(dropAt).find((key) => !selection.has(key)) ?? null;
      const moved = selection.inOrder(keys);
      endDrag();
      if (moved.length) hooks.move(moved, behind);
    });
    made.addEventListener("dragend", endDrag);
    made.addEventListener("dragleave", (event) => {
      // Leaving one row for the next is no end; some browsers do not tell where it goes.
      const box = made.getBoundingClientRect();
      const { clientX: x, clientY: y } = event;
      if (x <= box.left || x >= box.right || y <= box.top || y >= box.bottom) endDrag();
    });
  }

  return {
    made,
    selection,
    get keys() {
      return keys;
    },
    get rows() {
      return rows;
    },
    show(newRows, emptyText) {
      const before = keys;
      if (rows !== newRows) keys = newRows.map((row) => row[0]);
      rows = newRows;
      const pruned = selection.prune(keys, before);
      empty.hidden = rows.length > 0;
      setText(empty, emptyText);
      paint();
      if (pruned) hooks.selected?.();
    },
    reveal(key) {
      const index = keys.indexOf(key);
      if (index >= 0) reveal(index);
      paint();
    },
    end() {
      sizes.disconnect();
      clearInterval(scrollTimer);
    },
  };
}
