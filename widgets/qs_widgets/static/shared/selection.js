// Which rows are selected, by their keys, so that a selection survives any change of order.

function newSelection(changed) {
  const chosen = new Set();
  // The row that keys act on, and the one from which a range is drawn.
  let active = null;
  let anchor = null;

  const range = (keys, from, to) => {
    const [first, last] = [keys.indexOf(from), keys.indexOf(to)].sort((a, b) => a - b);
    return first < 0 ? [to] : keys.slice(first, last + 1);
  };

  const selection = {
    has: (key) => chosen.has(key),
    get size() {
      return chosen.size;
    },
    get active() {
      return active;
    },
    // Selected keys in the order of the rows.
    inOrder: (keys) => keys.filter((key) => chosen.has(key)),
    click(keys, key, event) {
      if (event.shiftKey && anchor !== null) selection.extend(keys, key, event.ctrlKey || event.metaKey);
      else if (event.ctrlKey || event.metaKey) selection.toggle(key);
      else selection.only([key]);
    },
    only(keys, at = keys[keys.length - 1] ?? null) {
      chosen.clear();
      keys.forEach((key) => chosen.add(key));
      active = anchor = at;
      changed();
    },
    toggle(key) {
      if (!chosen.delete(key)) chosen.add(key);
      active = anchor = key;
      changed();
    },
    extend(keys, to, adds = false) {
      if (!adds) chosen.clear();
      range(keys, anchor ?? to, to).forEach((key) => chosen.add(key));
      active = to;
      changed();
    },
    // Move on without selecting, as Ctrl with an arrow does.
    goTo(key) {
      active = key;
      changed();
    },
    // Forget rows that are gone; the active place passes to the row that took it.
    prune(keys, before) {
      if (!chosen.size && active === null) return false;
      const known = new Set(keys);
      let pruned = false;
      for (const key of [...chosen]) {
        if (!known.has(key)) {
          chosen.delete(key);
          pruned = true;
        }
      }
      if (active !== null && !known.has(active)) {
        const place = before.indexOf(active);
        active = keys[Math.min(Math.max(place, 0), keys.length - 1)] ?? null;
        anchor = active;
        pruned = true;
      }
      return pruned;
    },
  };
  return selection;
}
