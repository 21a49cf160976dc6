/* The page: translates while somebody types, and shows what the model looked at and is not sure of. Text comes into the page as
   text alone, never as markup. */
"use strict";
(() => {
  const WAIT = 250;          // milliseconds without a key, after which is translated
  const UNSURE = 0.5;        // a word that has less is underlined
  const KEPT = 20;           // translations in the history
  const $ = (id) => document.getElementById(id);
  const remember = {
    get: (key, other) => { try { return JSON.parse(localStorage.getItem(key)) ?? other; } catch { return other; } },
    set: (key, value) => { try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* it is not allowed: nothing is kept */ } },
    drop: (key) => { try { localStorage.removeItem(key); } catch { /* the same */ } },
  };
  let languages = [], settings = {}, shown = null, asked = 0, timer = 0, asking = null, tongue = "en";

  const say = (key) => WORDS[tongue][key] ?? WORDS.en[key];
  const nameOf = (code) => {
    try { return new Intl.DisplayNames([tongue], { type: "language" }).of(code); } catch { return code; }
  };
  const make = (tag, text, kind) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };

  function speak(code) {
    tongue = WORDS[code] ? code : "en";
    document.documentElement.lang = tongue;
    for (const one of document.querySelectorAll("[data-say]")) one.textContent = say(one.dataset.say);
    for (const one of document.querySelectorAll("[data-say-label]")) one.setAttribute("aria-label", say(one.dataset.sayLabel));
    for (const one of document.querySelectorAll("[data-say-placeholder]")) one.placeholder = say(one.dataset.sayPlaceholder);
    $("tongue").value = tongue;
    fill();
    count();
    tellDetected();
  }

  function fill() {
    const from = $("from").value || remember.get("mtkit.from", "auto");
    $("from").replaceChildren(...["auto", ...languages.map((one) => one.code)].map((code) => new Option(code === "auto" ? say("auto") : nameOf(code), code)));
    $("from").value = from;
    if (!$("from").value) $("from").value = "auto";
    fillTargets();
  }

  function fillTargets() {
    const before = $("to").value || remember.get("mtkit.to", settings.language?.target.code);
    const of = $("from").value === "auto" ? languages : languages.filter((one) => one.code === $("from").value);
    const codes = [...new Set(of.flatMap((one) => one.targets))].sort();
    $("to").replaceChildren(...codes.map((code) => new Option(nameOf(code), code)));
    $("to").value = codes.includes(before) ? before : codes[0];
    $("target").lang = $("to").value;
    const reverse = languages.find((one) => one.code === $("to").value);
    const source = $("from").value === "auto" ? shown?.detected?.language : $("from").value;
    $("swap").disabled = !(reverse && (!source || reverse.targets.includes(source)));
  }

  const count = () => { $("count").textContent = `${[...$("source").value].length} ${say("characters")}`; };
  const fail = (text) => { $("error").textContent = text; $("error").hidden = !text; };
  const tellDetected = () => {
    const found = $("from").value === "auto" ? shown?.detected : null;
    $("detected").textContent = found ? `${say("found")}${nameOf(found.language)}` : "";
  };

  /* Of fields, as JSON, or of a form with a file; null: nothing is sent. */
  async function ask(path, body, signal) {
    let answer;
    const key = $("key").value.trim(), isForm = body instanceof FormData;
    if (isForm && key) body.set("api_key", key);
    const sent = isForm ? body : JSON.stringify(key ? { ...body, api_key: key } : body);
    try {
      answer = await fetch(path, body && { method: "POST", signal, headers: isForm ? {} : { "Content-Type": "application/json" }, body: sent });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error(say("unreachable"));
    }
    const made = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(made.error ?? say("unreachable"));
    return made;
  }

  async function translate() {
    const text = $("source").value, number = ++asked;
    asking?.abort();
    fail("");
    $("thanks").textContent = "";
    if (!text.trim()) { shown = null; show(); return; }
    asking = new AbortController();
    $("target").classList.add("old");
    $("busy").textContent = say("busy");
    try {
      const made = await ask("/page/translate", { q: text, source: $("from").value, target: $("to").value }, asking.signal);
      if (number !== asked) return;
      const others = languages.find((one) => one.code === made.detected?.language)?.targets ?? [];
      if (made.detected?.language === $("to").value && others.length) {  // it is in the language that it is to be in
        $("to").value = others[0];
        if ($("to").value === others[0]) return translate();
      }
      shown = { ...made, q: text };
      show();
      keep(text, made.text);
    } catch (error) {
      if (error.name !== "AbortError" && number === asked) { shown = null; show(); fail(error.message); }
    } finally {
      if (number === asked) { $("busy").textContent = ""; $("target").classList.remove("old"); }
    }
  }

  function soon() {
    clearTimeout(timer);
    count();
    timer = setTimeout(translate, WAIT);
  }

  /* The translation, its words as what can be hovered and reached by keys; where words and text do not go together, as text. */
  function show() {
    const target = $("target");
    $("reading").replaceChildren();
    target.replaceChildren();
    if (shown) {
      const lines = shown.lines.slice();
      const known = lines.length && shown.text.split(/\r\n|\n|\r/).filter((one) => one.trim()).length === lines.length;
      for (const part of shown.text.split(/(\r\n|\n|\r)/)) {
        if (!part.trim() || !known) target.append(part);
        else line(target, part, lines.shift());
      }
    }
    tellOrigin();
    tellDetected();
    fillTargets();
    $("alternatives").replaceChildren(...(shown?.alternatives ?? []).map((one) => make("li", one)));
    $("others").hidden = !shown?.alternatives.length;
    $("better").hidden = !(shown && settings.suggestions);
    $("suggestion").hidden = true;
  }

  /* Who said so, and what there is to say of lines: each remark once, with the lines that it is of. */
  function tellOrigin() {
    const lines = shown?.lines ?? [], remarks = new Map(), remembered = lines.filter((one) => one.origin === "memory");
    const remark = (text, number, kind, language) => {
      const one = remarks.get(text) ?? { kind, language, of: [] };
      if (!one.of.includes(number)) one.of.push(number);
      remarks.set(text, one);
    };
    lines.forEach((told, place) => {
      if (told.origin === "memory") remark(say("memory"), place + 1, "memory");
      else if (told.origin.includes("memory")) remark(say("steered"), place + 1, "steered");
      for (const term of told.terms) remark(`${say("term")}: ${term.source} → ${term.target.replaceAll("|", " / ")}${term.rendered ? "" : ` (${say("missing")})`}`, place + 1, term.rendered ? "term" : "missing");
      for (const warning of told.warnings) remark(warning, place + 1, "warning", "en");
    });
    $("model").textContent = remembered.length && remembered.length === lines.length ? say("memory")
      : [shown?.model ?? "", remembered.length ? say("memory") : ""].filter(Boolean).join(" + ");
    $("remarks").hidden = !remarks.size;
    $("remarks").replaceChildren(...[...remarks].map(([text, { kind, language, of }]) => {
      const item = make("li"), said = make("span", text, kind);
      if (language) said.lang = language;
      item.append(said, lines.length > 1 ? ` (${say("line")} ${of.join(", ")})` : "");
      return item;
    }));
  }

  function line(target, text, told) {
    const source = told.source.map((word) => make("span", word, "word"));
    const terms = new Map(told.terms.flatMap((term) => term.words.map((place) => [place, term.source])));
    let at = 0;
    const words = text.split(/(\s+)/).map((part) => {
      if (!part.trim()) return part;
      const word = make("span", part, "word"), place = at++;
      const sure = told.sure[place], looks = told.links.filter(([, to]) => to === place).map(([from]) => from);
      if (sure !== undefined && sure < UNSURE) word.classList.add("unsure");
      const seen = looks.map((from) => told.source[from]).join(" ");
      if (terms.has(place)) word.classList.add("term");
      word.title = [
        sure === undefined ? "" : `${say("sure")} ${Math.round(100 * sure)} %`,
        seen && `${say("looks")}: ${seen}`,
        terms.has(place) && `${say("term")}: ${terms.get(place)}`,
        told.origin === "memory" && say("memory"),
      ].filter(Boolean).join(" · ");
      word.tabIndex = -1;
      word.addEventListener("pointerenter", () => look(word, source, looks));
      word.addEventListener("focus", () => look(word, source, looks));
      return word;
    });
    const whole = make("span", undefined, told.origin === "memory" ? "memory" : undefined);
    whole.append(...words);
    target.append(whole);
  }

  function look(word, source, looks) {
    for (const one of document.querySelectorAll(".here")) one.classList.remove("here");
    word.classList.add("here");
    $("reading").replaceChildren(...source.flatMap((one, place) => [place ? " " : "", one]));
    source.forEach((one, place) => one.classList.toggle("linked", looks.includes(place)));
  }

  function step(event) {
    const words = [...$("target").querySelectorAll(".word")];
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by || !words.length) return;
    event.preventDefault();
    const at = words.indexOf(document.activeElement);
    words[at < 0 ? (by > 0 ? 0 : words.length - 1) : Math.min(words.length - 1, Math.max(0, at + by))].focus();
  }

  function keep(source, target) {
    const past = remember.get("mtkit.history", []).filter((one) => !source.startsWith(one.source));
    remember.set("mtkit.history", [{ source, target, from: $("from").value, to: $("to").value }, ...past].slice(0, KEPT));
    tellPast();
  }

  function tellPast() {
    const past = remember.get("mtkit.history", []);
    $("past").hidden = !past.length;
    $("history").replaceChildren(...past.map((one) => {
      const item = make("li"), again = make("button", one.source);
      again.type = "button";
      again.addEventListener("click", () => {
        $("from").value = one.from;
        fillTargets();
        $("to").value = one.to;
        $("source").value = one.source;
        $("source").focus();
        count();
        translate();
      });
      item.append(again, make("span", one.target));
      return item;
    }));
  }

  async function suggest(event) {
    event.preventDefault();
    const better = $("suggested").value.trim();
    if (!better || !shown) return;
    try {
      const source = shown.detected?.language ?? $("from").value;
      await ask("/suggest", { q: shown.q, s: better, source, target: $("to").value });
      $("suggestion").hidden = true;
      $("thanks").textContent = say("thanks");
      $("better").focus();
    } catch (error) { fail(error.message); }
  }

  async function send(file) {
    if (!file) return;
    const form = new FormData();
    form.set("file", file);
    form.set("source", $("from").value);
    form.set("target", $("to").value);
    fail("");
    $("made").textContent = say("busy");
    try {
      const { translatedFileUrl } = await ask("/translate_file", form);
      const link = make("a", `${say("fetch")} ${file.name}`);
      link.href = new URL(translatedFileUrl).pathname;  // here, whatever name a proxy has told
      link.download = "";
      $("made").replaceChildren(link);
      link.focus();
    } catch (error) { $("made").textContent = ""; fail(error.message); }
    $("file").value = "";
  }

  function swap() {
    const from = $("from").value === "auto" ? shown?.detected?.language : $("from").value, to = $("to").value;
    if (!from) return;
    const text = $("target").textContent;
    $("from").value = to;
    fillTargets();
    $("to").value = from;
    $("source").value = text;
    count();
    translate();
  }

  $("source").addEventListener("input", soon);
  for (const id of ["from", "to"]) $(id).addEventListener("change", () => {
    if (id === "from") fillTargets();
    remember.set(`mtkit.${id}`, $(id).value);
    $("target").lang = $("to").value;
    translate();
  });
  $("swap").addEventListener("click", swap);
  $("clear").addEventListener("click", () => { $("source").value = ""; count(); translate(); $("source").focus(); });
  $("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText(shown?.text ?? "");
    $("copy").textContent = say("copied");
    setTimeout(() => { $("copy").textContent = say("copy"); }, 1500);
  });
  $("file").addEventListener("change", () => send($("file").files[0]));
  document.addEventListener("dragover", (event) => { if (settings.filesTranslation && event.dataTransfer.types.includes("Files")) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    const file = event.dataTransfer.files[0];
    if (!file || !settings.filesTranslation) return;
    event.preventDefault();
    send(file);
  });
  $("key").addEventListener("change", () => { remember.set("mtkit.key", $("key").value.trim()); translate(); });
  $("target").addEventListener("keydown", step);
  $("target").addEventListener("pointerleave", () => { for (const one of document.querySelectorAll(".here")) one.classList.remove("here"); });
  $("better").addEventListener("click", () => { $("suggested").value = shown.text; $("suggestion").hidden = false; $("suggested").focus(); });
  $("cancel").addEventListener("click", () => { $("suggestion").hidden = true; $("better").focus(); });
  $("suggestion").addEventListener("submit", suggest);
  $("forget").addEventListener("click", () => { remember.drop("mtkit.history"); tellPast(); });
  $("tongue").addEventListener("change", () => { remember.set("mtkit.tongue", $("tongue").value); speak($("tongue").value); show(); });

  (async () => {
    speak(remember.get("mtkit.tongue", (navigator.language || "en").slice(0, 2)));
    tellPast();
    try {
      [languages, settings] = await Promise.all([ask("/languages"), ask("/frontend/settings")]);
      $("files").hidden = !settings.filesTranslation;
      $("file").accept = settings.supportedFilesFormat.join(",");
      $("key-of").hidden = !settings.apiKeys;
      if (settings.apiKeys) $("key").value = remember.get("mtkit.key", "");
      fill();
      if ($("source").value.trim()) translate();
    } catch (error) { fail(error.message); }
  })();
})();
