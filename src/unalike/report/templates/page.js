"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const figures = read("figures");
  const darkening = read("darkening");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const coarse = window.matchMedia("(pointer: coarse)").matches;
  const hidden = new Set();
  const shownView = {};
  let printing = false;

  function recoloured(value) {
    if (typeof value === "string") return darkening[value] || value;
    if (Array.isArray(value)) return value.map(recoloured);
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, recoloured(part)]));
  }

  function draw(key) {
    const place = document.querySelector(`#${key} .plot`);
    const plain = figures[key][shownView[key] || 0];
    const copy = structuredClone(plain);
    const figure = dark.matches && !printing ? recoloured(copy) : copy;
    const data = figure.data.filter((trace) => !hidden.has(trace.meta));
    const layout = { ...figure.layout, autosize: true, dragmode: coarse ? false : "zoom" };
    if (layout.meta && layout.meta.row) {
      layout.height = layout.meta.rest + layout.meta.row * Math.max(1, data.length);
    }
    place.style.minHeight = `${layout.height}px`;
    return Plotly.react(place, data, layout, {
      responsive: true,
      displayModeBar: false,
    });
  }

  const drawAll = () => Promise.all(Object.keys(figures).map(draw));

  function press(buttons, pressed) {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button === pressed));
  }

  for (const key of Object.keys(figures)) {
    const buttons = [...document.querySelectorAll(`#${key} [data-view]`)];
    for (const button of buttons) {
      button.addEventListener("click", () => {
        shownView[key] = Number(button.dataset.view);
        press(buttons, button);
        draw(key);
      });
    }
  }

  const chips = [...document.querySelectorAll("[data-chip]")];
  function setChip(chip, on) {
    chip.setAttribute("aria-pressed", String(on));
    hidden[on ? "delete" : "add"](chip.dataset.chip);
  }
  for (const chip of chips) {
    setChip(chip, chip.getAttribute("aria-pressed") === "true");
    chip.addEventListener("click", () => {
      setChip(chip, chip.getAttribute("aria-pressed") !== "true");
      drawAll();
    });
  }
  for (const button of document.querySelectorAll("[data-chips]")) {
    button.addEventListener("click", () => {
      for (const chip of chips) setChip(chip, button.dataset.chips === "all");
      drawAll();
    });
  }

  for (const section of document.querySelectorAll(".numbers")) {
    const table = section.querySelector("table");
    const rounds = [...section.querySelectorAll("[data-round]")];
    const body = table.tBodies[0];
    const headings = [...table.tHead.rows[0].cells];
    const round = () => (table.classList.contains("show-last") ? "last" : "best");
    const value = (row, column) => {
      const cell = row.cells[column];
      if (column === 0) return cell.textContent.trim().toLowerCase();
      return cell.dataset[round()] === "" ? null : Number(cell.dataset[round()]);
    };
    function sort(column, ascending) {
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [value(a, column), value(b, column)];
        if (x === null || y === null) return (x === null) - (y === null);
        return (x < y ? -1 : x > y ? 1 : 0) * (ascending ? 1 : -1);
      });
      body.append(...rows);
      headings.forEach((heading, k) => {
        const order = ascending ? "ascending" : "descending";
        heading.setAttribute("aria-sort", k === column ? order : "none");
      });
    }
    headings.forEach((heading, column) => {
      heading.querySelector("button")?.addEventListener("click", () => {
        const now = heading.getAttribute("aria-sort");
        sort(column, now === "none" ? column === 0 : now === "descending");
      });
    });
    for (const button of rounds) {
      button.addEventListener("click", () => {
        table.className = `show-${button.dataset.round}`;
        press(rounds, button);
        const column = headings.findIndex((h) => h.getAttribute("aria-sort") !== "none");
        if (column >= 0) sort(column, headings[column].getAttribute("aria-sort") === "ascending");
      });
    }
  }

  function save(name, content, type) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  for (const button of document.querySelectorAll("[data-file]")) {
    button.addEventListener("click", () => {
      const table = button.closest("section").querySelector("table");
      const round = table.classList.contains("show-last") ? "last" : "best";
      const kind = button.dataset.file;
      save(`${table.id}-${round}.${kind}`, read("files")[table.id][kind][round], "text/plain");
    });
  }

  for (const button of document.querySelectorAll("[data-image]")) {
    button.addEventListener("click", () => {
      const key = button.closest("figure").id;
      const place = document.querySelector(`#${key} .plot`);
      const plain = structuredClone(figures[key][shownView[key] || 0]);
      const data = plain.data.filter((trace) => !hidden.has(trace.meta));
      const names = data.some((trace) => trace.name && trace.type !== "bar");
      for (const trace of data) trace.showlegend = Boolean(trace.name) && trace.type !== "bar";
      const layout = { ...plain.layout, paper_bgcolor: "white", showlegend: names };
      const [width, height] = [place.clientWidth, place.clientHeight];
      const format = button.dataset.image;
      Plotly.downloadImage({ data, layout }, { format, width, height, scale: 3, filename: key });
    });
  }

  dark.addEventListener("change", drawAll);
  window.addEventListener("beforeprint", () => { printing = true; drawAll(); });
  window.addEventListener("afterprint", () => { printing = false; drawAll(); });
  drawAll().then(() => { document.body.dataset.ready = "yes"; });
})();
