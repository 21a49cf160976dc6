"use strict";
// Attention and gradients of a sentence as a picture to be pointed at, or stepped through with keys. Text from the data
// is only ever set as text.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const KINDS = { source: "translation → source", encoder: "source → itself", decoder: "translation → itself" };

const EXPLAINED = {
  source: "Each row is a piece that was said. The stronger the colour of a cell, the more the model looked at that source piece to say it; a row adds up to 1.",
  encoder: "Each row is a source position. The stronger the colour of a cell, the more it looked at that other one to make its own state; a row adds up to 1.",
  decoder: "Each row is a piece that was said. The stronger the colour of a cell, the more the model looked back at that earlier piece to say it; a row adds up to 1.",
  gradients: "Each row is a piece that was said. The stronger the colour of a cell, the more its probability would change with that source piece, against the rest of its row.",
};

class Matrix {
  constructor(place, part) {
    this.part = part;
    this.tables = part.attention.map((one) => ({
      name: `${KINDS[one.kind]}${part.attention.filter((x) => x.kind === one.kind).length > 1 ? `, layer ${one.layer}` : ""}`,
      kind: one.kind,
      heads: one.heads,
      mean: one.mean,
    }));
    if (part.saliency) this.tables.push({ name: "gradients (translation → source)", kind: "gradients", heads: [part.saliency] });
    this.canvas = make("canvas", { tabindex: "0", role: "img" });
    this.output = make("output", { "aria-live": "polite" });
    this.note = make("p", { class: "soft" });
    this.which = this.select("What looks at what", this.tables.map((one) => one.name), () => this.choose());
    this.head = this.select("Head", [], () => this.draw());
    this.scroll = make("div", { class: "scroll" }, this.canvas);
    const labels = [this.which, this.head].map((select) => select.parentElement);
    place.append(this.note, make("div", { class: "choices" }, ...labels), this.scroll, this.output);
    this.cell = [0, 0];
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerdown", (event) => this.point(event));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.width !== this.scroll.clientWidth && this.draw()).observe(this.scroll);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    window.addEventListener("beforeprint", () => this.draw());
    this.choose();
  }

  select(label, options, changed) {
    const select = make("select", {}, ...options.map((text, value) => make("option", { value }, text)));
    make("label", {}, label, select);
    select.addEventListener("change", changed);
    return select;
  }

  get table() {
    return this.tables[this.which.value || 0];
  }

  choose() {
    const { heads, mean, kind } = this.table;
    const names = heads.length > 1 ? ["mean of all", ...heads.map((_, number) => `${number + 1} of ${heads.length}`)] : [mean ? "mean of all" : "the only one"];
    this.head.replaceChildren(...names.map((text, value) => make("option", { value }, text)));
    this.head.parentElement.hidden = kind === "gradients" || heads.length < 2;
    const { part } = this;
    const source = kind === "gradients" ? part.source : part.fields.map(([first, last]) => part.source.slice(first, last + 1).join(""));
    const said = part.target.map((one) => one.piece);
    this.rows = kind === "encoder" ? source : said;
    this.columns = kind === "decoder" ? ["<s>", ...said.slice(0, -1)] : source;
    this.cell = [Math.min(this.cell[0], this.rows.length - 1), Math.min(this.cell[1], this.columns.length - 1)];
    this.draw();
  }

  value(row, column) {
    const { heads } = this.table;
    const head = heads.length > 1 ? Number(this.head.value) : 1;
    if (head > 0) return heads[head - 1][row][column];
    return heads.reduce((sum, one) => sum + one[row][column], 0) / heads.length;
  }

  draw() {
    // All cells, once; what is pointed at is drawn over a copy of them.
    const context = this.canvas.getContext("2d");
    const font = getComputedStyle(this.canvas).fontFamily;
    context.font = `13px ${font}`;
    const widest = (names, most) => Math.min(most, Math.ceil(Math.max(...names.map((name) => context.measureText(name).width))) + 10);
    this.width = this.scroll.clientWidth;
    const [rows, columns] = [this.rows.length, this.columns.length];
    const [left, top] = [widest(this.rows, 130), widest(this.columns, 120)];
    const many = Math.max(rows, columns) > 120;
    const size = Math.floor(Math.min(many ? 8 : 30, Math.max(many ? 5 : 16, (this.width - left - 2) / columns)));
    const scale = many ? 1 : window.devicePixelRatio || 1;
    const [wide, high] = [left + size * columns + 1, top + size * rows + 1];
    Object.assign(this, { left, top, size, scale, font });
    this.layer = make("canvas", { width: Math.ceil(wide * scale), height: Math.ceil(high * scale) });
    Object.assign(this.canvas, { width: this.layer.width, height: this.layer.height });
    Object.assign(this.canvas.style, { width: `${wide}px`, height: `${high}px` });
    const layer = this.layer.getContext("2d");
    layer.scale(scale, scale);
    layer.fillStyle = `rgb(${this.color("--heat")})`;
    const gap = many ? 0 : 1;
    const table = this.rows.map((_, row) => this.columns.map((__, column) => this.value(row, column)));
    const most = table.map((values) => Math.max(1e-30, ...values));
    const strongest = Math.max(...most);
    table.forEach((values, row) => {
      values.forEach((value, column) => {
        const share = value / (this.table.kind === "gradients" ? most[row] : strongest);
        if (share < 0.004) return;
        layer.globalAlpha = Math.min(1, share ** 0.75);
        layer.fillRect(left + column * size, top + row * size, size - gap, size - gap);
      });
    });
    const told = this.table.kind === "gradients" ? "" : ` The strongest colour here is ${Number(strongest.toPrecision(2))}.`;
    this.note.textContent = EXPLAINED[this.table.kind] + told + " Point at a cell, or step through them with the arrow keys.";
    layer.globalAlpha = 1;
    layer.strokeStyle = this.color("--rule");
    layer.strokeRect(left - 0.5, top - 0.5, size * columns, size * rows);
    this.mark();
  }

  color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  mark() {
    const { left, top, size, font } = this;
    const [ink, soft] = [this.color("--ink"), this.color("--soft")];
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.layer, 0, 0);
    context.scale(this.scale, this.scale);
    context.textBaseline = "middle";
    const every = Math.ceil(14 / size); // labels that do not lie on one another
    const [row, column] = this.cell;
    const label = (name, chosen, most) => {
      context.font = `${chosen ? "600 " : ""}13px ${font}`;
      context.fillStyle = chosen ? ink : soft;
      const signs = Array.from(name);
      let text = name;
      while (signs.length > 1 && context.measureText(text).width > most - 8) {
        signs.pop();
        text = signs.join("") + "…";
      }
      return text;
    };
    const seen = (place, chosen) => place === chosen || (place % every === 0 && Math.abs(place - chosen) >= every);
    context.textAlign = "right";
    this.rows.forEach((name, place) => {
      if (seen(place, row)) context.fillText(label(name, place === row, left), left - 6, top + (place + 0.5) * size);
    });
    context.textAlign = "left";
    this.columns.forEach((name, place) => {
      if (!seen(place, column)) return;
      const text = label(name, place === column, top);
      context.save();
      context.translate(left + (place + 0.5) * size, top - 6);
      context.rotate(-Math.PI / 2);
      context.fillText(text, 0, 0);
      context.restore();
    });
    context.strokeStyle = this.color("--link");
    context.lineWidth = 2;
    const around = Math.max(0, 11 - size) / 2; // so that it is seen around the smallest cells, too
    context.strokeRect(left + column * size - around, top + row * size - around, size - 1 + 2 * around, size - 1 + 2 * around);
    this.tell();
  }

  tell() {
    const [row, column] = this.cell;
    const value = this.value(row, column);
    const { kind } = this.table;
    const field = this.part.fields[column];
    const wide = kind !== "decoder" && kind !== "gradients" && field[1] > field[0] ? ` (pieces ${field[0] + 1} to ${field[1] + 1})` : "";
    const verb = kind === "gradients" ? "is moved by" : "looks at";
    const number = kind === "gradients" ? value.toPrecision(3) : value.toFixed(4);
    this.output.replaceChildren(
      make("bdi", { class: "piece" }, this.rows[row]), ` (${row + 1}) ${verb} `,
      make("bdi", { class: "piece" }, this.columns[column]), `${wide || ` (${column + 1})`}: ${number}`,
    );
    Object.assign(this.output.dataset, { row, column, value });
    this.canvas.setAttribute("aria-label", `${this.table.name}: ${this.rows.length} by ${this.columns.length} cells; arrow keys move`);
  }

  move(row, column) {
    this.cell = [
      Math.max(0, Math.min(this.rows.length - 1, row)),
      Math.max(0, Math.min(this.columns.length - 1, column)),
    ];
    this.mark();
  }

  row(row) {
    if (this.rows.length !== this.part.target.length) return;
    let best = 0;
    for (let column = 1; column < this.columns.length; column++) if (this.value(row, column) > this.value(row, best)) best = column;
    this.move(row, best);
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left - this.left) / this.size);
    const row = Math.floor((event.clientY - box.top - this.top) / this.size);
    if (row < 0 || column < 0 || row >= this.rows.length || column >= this.columns.length) return;
    if (row !== this.cell[0] || column !== this.cell[1]) this.move(row, column);
  }

  key(event) {
    const [row, column] = this.cell;
    const moves = {
      ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
      Home: [row, 0], End: [row, this.columns.length - 1], PageUp: [row - 10, column], PageDown: [row + 10, column],
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    this.move(...moves[event.key]);
    const [x, y] = [this.left + this.cell[1] * this.size, this.top + this.cell[0] * this.size];
    const { scroll } = this;
    if (x < scroll.scrollLeft + this.left || x + this.size > scroll.scrollLeft + scroll.clientWidth) scroll.scrollLeft = x - scroll.clientWidth / 2;
    if (y < scroll.scrollTop || y + this.size > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = y - scroll.clientHeight / 2;
  }
}
