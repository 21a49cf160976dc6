"use strict";
// Pieces, attention and the search of a sentence, to be pointed at. Text from the data is only ever set as text.
const LOOKS = JSON.parse(document.getElementById("looks").textContent);
const MOST_LINES = 60; // of a tree, before somebody asks for the others

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
    place.append(make("p", { dir: "auto" }, ...buttons));
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
  bestPath(part).forEach((node, row) => {
    const button = piece(node.piece, node.piece_logprob, true);
    toggler(button, beside, part, node, () => matrix && matrix.row(row));
    place.append(button);
  });
}

// ---- attention

const KINDS = { source: "translation → source", encoder: "source → itself", decoder: "translation → itself" };

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
    const looks = {
      source: "Each row is a piece that was said. The darker a cell, the more the model looked at that source piece to say it; a row adds up to 1.",
      encoder: "Each row is a source position. The darker a cell, the more it looked at that other one to make its own state; a row adds up to 1.",
      decoder: "Each row is a piece that was said. The darker a cell, the more the model looked back at that earlier piece to say it; a row adds up to 1.",
      gradients: "Each row is a piece that was said. The darker a cell, the more its probability would change with that source piece, against the rest of its row.",
    };
    this.note.textContent = looks[kind] + " Point at a cell, or step through them with the arrow keys.";
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
    const style = getComputedStyle(document.documentElement);
    const [ink, soft, rule, link] = ["--ink", "--soft", "--rule", "--link"].map((name) => style.getPropertyValue(name).trim());
    const heat = style.getPropertyValue("--heat").trim();
    const context = this.canvas.getContext("2d");
    const font = getComputedStyle(this.canvas).fontFamily;
    context.font = `13px ${font}`;
    const widest = (names, most) => Math.min(most, Math.ceil(Math.max(...names.map((name) => context.measureText(name).width))) + 10);
    this.width = this.scroll.clientWidth;
    const left = widest(this.rows, 130);
    const top = widest(this.columns, 120);
    const room = (this.width - left - 2) / this.columns.length;
    const many = Math.max(this.rows.length, this.columns.length) > 120;
    const size = Math.floor(Math.min(many ? 8 : 30, Math.max(many ? 5 : 16, room)));
    Object.assign(this, { left, top, size });
    const [wide, high] = [left + size * this.columns.length + 1, top + size * this.rows.length + 1];
    const scale = many ? 1 : window.devicePixelRatio || 1;
    this.canvas.width = wide * scale;
    this.canvas.height = high * scale;
    this.canvas.style.width = `${wide}px`;
    this.canvas.style.height = `${high}px`;
    context.scale(scale, scale);
    const relative = this.table.kind === "gradients";
    const maxima = this.rows.map((_, row) => {
      let most = 1e-30;
      if (relative) for (let column = 0; column < this.columns.length; column++) most = Math.max(most, this.value(row, column));
      return relative ? most : 1;
    });
    for (let row = 0; row < this.rows.length; row++) {
      for (let column = 0; column < this.columns.length; column++) {
        const share = this.value(row, column) / maxima[row];
        if (share < 0.004) continue;
        context.fillStyle = `rgba(${heat}, ${Math.min(1, share ** 0.75).toFixed(3)})`;
        context.fillRect(left + column * size, top + row * size, size - (many ? 0 : 1), size - (many ? 0 : 1));
      }
    }
    context.strokeStyle = rule;
    context.strokeRect(left - 0.5, top - 0.5, size * this.columns.length, size * this.rows.length);
    context.textBaseline = "middle";
    const every = Math.ceil(14 / size); // labels that do not lie on one another
    const [row, column] = this.cell;
    const label = (name, chosen, most) => {
      context.font = `${chosen ? "600 " : ""}13px ${font}`;
      context.fillStyle = chosen ? ink : soft;
      let text = name;
      while (text.length > 1 && context.measureText(text).width > most - 8) text = text.slice(0, -2) + "…";
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
    context.strokeStyle = link;
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
    this.draw();
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
    let told = "dropped: all that could follow scored lower";
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
    const way = make("div", { class: "way", dir: "auto" });
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
