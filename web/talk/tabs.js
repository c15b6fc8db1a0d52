/**
 * Tabs that the arrow keys move between.
 * @param {HTMLElement} list with role tablist
 * @param {(id: string) => void} onShow gets the id of the tab that was selected
 */
export function tabs(list, onShow) {
  const all = [...list.querySelectorAll('[role="tab"]')];

  function select(tab) {
    for (const each of all) {
      const selected = each === tab;
      each.setAttribute("aria-selected", selected);
      each.tabIndex = selected ? 0 : -1;
      document.getElementById(each.getAttribute("aria-controls")).hidden = !selected;
    }
    onShow(tab.id);
  }

  for (const tab of all) tab.addEventListener("click", () => select(tab));
  list.addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
    select(next);
    next.focus();
  });
}
