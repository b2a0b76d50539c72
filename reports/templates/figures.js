(() => {
  // Export a drawing of the page as a standalone SVG file in the colours of the light theme.
  const XMLNS = "http://www.w3.org/2000/svg";
  const FACES = "DejaVu Sans, Verdana, Noto Sans, Noto Sans CJK SC, PingFang SC, Microsoft YaHei, sans-serif";
  const MARGIN = 4, LINE = 12, ABOVE = 10, GAP = 16, LETTERS = 44;
  const light = (name) => {
    const [theme] = [...document.styleSheets[0].cssRules].filter((rule) => rule.selectorText === ":root");
    return name === "paper" ? "#ffffff" : theme.style.getPropertyValue(`--${name}`).trim();
  };
  const made = (kind, attributes, text = "") => {
    const element = document.createElementNS(XMLNS, kind);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text;
    return element;
  };
  const shortened = (name) => {
    const letters = [...name];
    const most = letters.some((letter) => letter > "\u2e7f") ? LETTERS / 2 : LETTERS;
    if (letters.length <= most) return name;
    const head = Math.floor(0.4 * most);
    return `${letters.slice(0, head).join("")}…${letters.slice(head + 1 - most).join("")}`;
  };
  const inLines = (name) => {
    const lines = [""];
    for (const part of name.match(/[([]?[^._+ \]([]*[._+ \]]*/g)) {
      const last = lines[lines.length - 1];
      if (!last || (last + part).trimEnd().length <= LETTERS || lines.length === 2) lines[lines.length - 1] += part;
      else lines.push(part);
    }
    return lines.map((line) => shortened(line.trimEnd()));
  };
  const standalone = (holder) => {
    const panels = [...holder.querySelectorAll(".wide svg, .panel svg")].map((svg) => ({
      title: svg.closest(".panel")?.querySelector("figcaption").textContent.trim() ?? "",
      alt: svg.closest(".plot").getAttribute("aria-label"),
      size: svg.viewBox.baseVal,
      svg,
    }));
    const single = panels.length === 1 && !panels[0].title;
    const lines = Math.max(...panels.map(({title}) => inLines(title).length));
    const [margin, head, gap] = single ? [0, 0, 0] : [MARGIN, ABOVE + LINE * lines, GAP];
    const across = Math.ceil(panels.length / Math.ceil(panels.length / 4));
    const wide = Math.max(...panels.map((panel) => panel.size.width));
    const root = made("svg", {"font-family": FACES, "stroke-linejoin": "round"});
    let top = margin;
    for (let start = 0; start < panels.length; start += across) {
      const row = panels.slice(start, start + across);
      row.forEach(({title, alt, size, svg}, place) => {
        const x = margin + place * (wide + gap), part = svg.cloneNode(true);
        for (const name of ["aria-hidden", "focusable"]) part.removeAttribute(name);
        const frame = {x, y: top + head, width: size.width, height: size.height, overflow: "visible"};
        for (const [name, value] of Object.entries(frame)) part.setAttribute(name, value);
        part.prepend(made("title", {}, title || alt), made("desc", {}, alt));
        const style = {"font-size": 9.5, "font-weight": "bold", fill: "var(--ink)"};
        for (const [line, said] of title ? inLines(title).reverse().entries() : []) {
          root.append(made("text", {x, y: top + head - 6 - line * LINE, ...style}, said));
        }
        root.append(part);
      });
      top += head + Math.max(...row.map((panel) => panel.size.height)) + gap;
    }
    const [width, height] = [2 * margin + across * (wide + gap) - gap, top - gap + margin];
    root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    root.setAttribute("width", `${width}pt`);
    root.setAttribute("height", `${height}pt`);
    const text = new XMLSerializer().serializeToString(root);
    return `<?xml version="1.0" encoding="UTF-8"?>\n${text.replace(/var\(--([\w-]+)\)/g, (_, name) => light(name))}\n`;
  };
  for (const link of document.querySelectorAll("a.as-svg")) {
    const fill = () => {
      link.href = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(link.closest(".drawn")))}`;
    };
    link.href = "#";
    link.hidden = false;
    for (const event of ["click", "contextmenu"]) link.addEventListener(event, fill);
  }
})();
