"use strict";
// Pieces, attention and the search of a sentence, to be pointed at. Text from the data is only ever set as text.
const LOOKS = JSON.parse(document.getElementById("looks").textContent);
const MOST_LINES = 20; // of a tree, before somebody asks for the others

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const percent = (logprob) => {
  const share = 100 * Math.exp(logprob);
  return share >= 10 ? share.toFixed(0) + "%" : share >= 0.1 ? share.toFixed(1) + "%" : "<0.1%";
};

function piece(name, logprob, shown) {
  const button = make("button", { type: "button", class: "piece", "aria-pressed": "false", title: percent(logprob) });
  button.style.setProperty("--p", Math.exp(logprob).toFixed(4));
  button.append(make("bdi", {}, name));
  if (shown) button.append(make("small", {}, percent(logprob)));
  return button;
}

const RIGHT_TO_LEFT = /^\P{L}*[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const direction = (words) => (RIGHT_TO_LEFT.test(words.join(" ")) ? "rtl" : "ltr"); // "auto" does not look into buttons

// ---- words

function links(place, look) {
  const sides = [look.source_words, look.target_words].map((words) =>
    words.map((word) => make("button", { type: "button" }, make("bdi", {}, word))),
  );
  sides.forEach((buttons, side) => {
    buttons.forEach((button, number) => {
      const linked = look.links.filter((link) => link[side] === number).map((link) => sides[1 - side][link[1 - side]]);
      const light = (on) => [button, ...linked].forEach((one) => one.classList.toggle("lit", on));
      button.addEventListener("pointerenter", () => light(true));
      button.addEventListener("pointerleave", () => light(false));
      button.addEventListener("focus", () => light(true));
      button.addEventListener("blur", () => light(false));
      const names = linked.map((one) => one.textContent).join(", ");
      button.setAttribute("aria-label", `${button.textContent}: ${names || "linked with nothing"}`);
    });
    place.append(make("p", { dir: direction([look.source_words, look.target_words][side]) }, ...buttons));
  });
}

// ---- what was weighed beside a piece

function became(node, best) {
  if (node.fate === "ruled out") return node.why === "prefix" ? "another piece was given" : `forbidden: ${node.why}`;
  if (node.fate === "too low") return "others scored higher";
  if (node.fate === "ended") return `an end, with score ${node.score.toFixed(4)}`;
  if (node.fate === "given up") return "kept, and dropped in the next step";
  return "kept";
}

function besideTable(part, parent, chosen) {
  const rows = part.tree.filter((node) => node.parent === parent && node.number !== 0);
  const seen = rows.sort((one, other) => other.piece_logprob - one.piece_logprob);
  const table = make("table");
  const head = ["Piece", "Probability", "", "What became of it"].map((text) => make("th", { scope: "col" }, text));
  head[1].className = "number";
  table.append(make("thead", {}, make("tr", {}, ...head)));
  const body = make("tbody");
  for (const node of seen) {
    const inner = make("i");
    inner.style.width = `${(100 * Math.exp(node.piece_logprob)).toFixed(2)}%`;
    const cells = [
      make("td", {}, make("bdi", { class: "piece" }, node.piece)),
      make("td", { class: "number" }, percent(node.piece_logprob)),
      make("td", {}, make("span", { class: "bar", "aria-hidden": "true" }, inner)),
      make("td", {}, (node.number === chosen ? "this one: " : "") + became(node)),
    ];
    body.append(make("tr", node.number === chosen ? { class: "chosen" } : {}, ...cells));
  }
  table.append(body);
  return make("div", { class: "scroll" }, table);
}

function toggler(button, place, part, node, opened) {
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-pressed") !== "true";
    const scope = place.parentElement.querySelectorAll("button.piece[aria-pressed=true]");
    scope.forEach((one) => one.setAttribute("aria-pressed", "false"));
    button.setAttribute("aria-pressed", String(open));
    place.replaceChildren(...(open ? [besideTable(part, node.parent, node.number)] : []));
    if (open && opened) opened();
  });
}

// ---- pieces

function bestPath(part) {
  const nodes = new Map(part.tree.map((node) => [node.number, node]));
  const path = [];
  for (let number = part.best; number !== 0; number = nodes.get(number).parent) path.unshift(nodes.get(number));
  return path;
}

function pieces(place, beside, part, matrix) {
  place.dir = direction(part.target.map((one) => one.piece));
  bestPath(part).forEach((node, row) => {
    const button = piece(node.piece, node.piece_logprob, true);
    toggler(button, beside, part, node, () => matrix && matrix.row(row));
    place.append(button);
  });
}

// ---- attention

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
    const told = this.table.kind === "gradients" ? "" : ` The strongest colour here is ${strongest.toFixed(2)}.`;
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
    context.strokeRect(left + column * size, top + row * size, size - 1, size - 1);
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

// ---- search

function ways(part) {
  // Each line of the tree: it follows the likeliest continuation to its end; the others leave it.
  const onBest = new Set(bestPath(part).map((node) => node.number));
  const children = new Map();
  for (const node of part.tree) {
    if (node.number === 0 || node.fate === "too low" || node.fate === "ruled out") continue;
    if (!children.has(node.parent)) children.set(node.parent, []);
    children.get(node.parent).push(node);
  }
  const rank = (one, other) => onBest.has(other.number) - onBest.has(one.number) || other.logprob - one.logprob;
  const made = [];
  const waiting = (children.get(0) || []).sort(rank).reverse().map((node) => ({ node, from: null, depth: 0 }));
  const last = part.tree.reduce((most, node) => Math.max(most, node.fate === "too low" || node.fate === "ruled out" ? 0 : node.step), 0);
  while (waiting.length) {
    const { node, from, depth } = waiting.pop();
    const nodes = [node];
    const leaving = [];
    for (;;) {
      const end = nodes[nodes.length - 1];
      const [next, ...others] = (children.get(end.number) || []).sort(rank);
      leaving.push(...others.map((other) => ({ node: other, from: end, depth: depth + 1 })));
      if (!next) break;
      nodes.push(next);
    }
    const end = nodes[nodes.length - 1];
    const best = end.number === part.best;
    let told = `dropped after piece ${end.step}, at log-probability ${end.logprob.toFixed(4)}: others scored higher`;
    if (end.fate === "ended") told = `${best ? "the answer" : "ended"}: score ${end.score.toFixed(4)}, log-probability ${end.logprob.toFixed(4)}`;
    else if (end.step === last) told = "not ended when the search was over";
    made.push({ nodes, from, depth, best, told });
    waiting.push(...leaving.reverse());
  }
  return made;
}

function tree(place, part) {
  const list = make("ol");
  const line = ({ nodes, from, depth, best, told }) => {
    const way = make("div", { class: "way", dir: direction(nodes.map((node) => node.piece)) });
    const beside = make("div", { class: "beside" });
    if (from) way.append(make("bdi", { class: "from piece" }, `… ${from.piece}`));
    const item = make("li", best ? { class: "best" } : {}, make("div", {}, way, make("div", { class: "end" }, told), beside));
    item.style.setProperty("--depth", depth);
    for (const node of nodes) {
      const button = piece(node.piece, node.piece_logprob, false);
      toggler(button, beside, part, node);
      way.append(button);
    }
    return item;
  };
  const all = ways(part);
  list.append(...all.slice(0, MOST_LINES).map(line));
  place.append(list);
  if (all.length <= MOST_LINES) return;
  const more = make("button", { type: "button" }, `show the other ${all.length - MOST_LINES} lines`);
  more.addEventListener("click", () => {
    list.append(...all.slice(MOST_LINES).map(line));
    more.remove();
  });
  place.append(more);
}

for (const article of document.querySelectorAll("article.look")) {
  const look = LOOKS[article.dataset.line][article.dataset.look];
  const linked = article.querySelector(".links");
  if (linked) links(linked, look);
  for (const place of article.querySelectorAll(".part")) {
    const part = look.parts[place.dataset.part];
    const chart = place.querySelector(".matrix");
    const matrix = chart && new Matrix(chart, part);
    pieces(place.querySelector(".pieces"), place.querySelector(".pieces + .beside"), part, matrix);
    if (!look.forced) tree(place.querySelector(".tree"), part);
  }
}
