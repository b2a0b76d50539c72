"use strict";
(() => {
  const blankLast = (a, b, sign) => (a === "") - (b === "") || sign * compare(a, b);
  const compare = (a, b) => {
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    heads.forEach((head, column) => {
      head.querySelector("button")?.addEventListener("click", () => {
        const text = head.classList.contains("text");
        const before = head.getAttribute("aria-sort");
        const down = before ? before === "ascending" : !text && /effect|relative|adjusted|p_worthwhile|@/.test(head.dataset.sort);
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
        const rows = [...body.rows].sort((a, b) => blankLast(value(a), value(b), down ? -1 : 1));
        body.append(...rows);
      });
    });
  }
  // A link into a folded section opens that section.
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    target.scrollIntoView();
  };
  window.addEventListener("hashchange", reveal);
  reveal();
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open], .data)")];
    for (const each of opened) each.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const each of opened) each.open = false;
  });
  for (const text of navigator.clipboard ? document.querySelectorAll(".copy") : []) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copier";
    button.textContent = document.body.dataset.copy;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = document.body.dataset.copied;
    });
    text.after(button);
  }
  for (const controls of document.querySelectorAll(".controls")) {
    const table = document.getElementById(controls.dataset.for);
    const selects = [...controls.querySelectorAll("select")];
    const shown = controls.querySelector(".shown");
    const apply = () => {
      const rows = [...table.tBodies[0].rows];
      for (const row of rows) {
        row.hidden = selects.some((select) => select.value && row.dataset[select.dataset.filter] !== select.value);
      }
      const count = rows.filter((row) => !row.hidden).length;
      shown.textContent = shown.dataset.template.replace("{n}", count).replace("{all}", rows.length);
    };
    selects.forEach((select) => select.addEventListener("change", apply));
    controls.hidden = false;
    apply();
  }
})();
