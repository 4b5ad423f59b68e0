"use strict";
// The browser of conversations. Their texts come from outside: they reach the page only as
// textContent, and no id, class, attribute or address is made of them.
(() => {
  const HEIGHT = 44; // of a line of the list, in pixels, as in the style sheet
  const [ID, TASK, FAMILY, PERSONA, OUTCOME, RULES, MESSAGES, CHUNK, PLACE, WHOLE] = Array(10).keys();
  const OUTCOMES = { kept: "kept", rejected: "rejected", duplicate: "duplicate" };
  const ROLES = { user: "user", assistant: "assistant", tool: "tool" };
  const SEVERITIES = { reject: "reject" };
  const by = (id) => document.getElementById(id);
  const list = by("list"), open = by("open"), count = by("count");
  const state = { rows: [], found: [], at: -1, beside: [], view: "messages", tab: 0, asked: 0 };

  // `kind` is one of this script's own words; `text` may be anybody's.
  const make = (name, kind, text) => {
    const element = document.createElement(name);
    if (kind) element.className = kind;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  by("mode").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.mode
      ? root.dataset.mode === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.mode = dark ? "light" : "dark";
  });

  // --- data -----------------------------------------------------------------------------------
  const source = JSON.parse(by("data").textContent);
  const unpack = async (text) => {
    const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(plain).text());
  };
  const recent = new Map(); // a few tasks, unpacked: all of them would not fit a phone
  const chunk = async (number) => {
    if (!recent.has(number)) {
      if (recent.size > 7) recent.delete(recent.keys().next().value);
      recent.set(number, unpack(source.chunks[number]));
    }
    return recent.get(number);
  };
  const talkOf = async (row) => {
    const { texts, talks } = await chunk(row[CHUNK]);
    const whole = (text) => (typeof text === "number" ? texts[text] : text);
    return { row, whole, ...talks[row[PLACE]] };
  };
  const textsOf = function* (talk) {
    for (const each of talk.messages) {
      yield talk.whole(each.text);
      yield talk.whole(each.reasoning);
      for (const [name, given] of each.calls) { yield name; yield talk.whole(given); }
    }
    for (const [rule, , , evidence] of talk.findings) { yield rule; yield talk.whole(evidence); }
    if (talk.verdict) yield talk.whole(talk.verdict[1]);
  };

  // --- filters --------------------------------------------------------------------------------
  const filters = { persona: PERSONA, family: FAMILY, outcome: OUTCOME, rule: RULES };
  const fill = (name, column) => {
    const values = [...new Set(state.rows.flatMap((row) => row[column]))].sort();
    by(`f-${name}`).append(make("option", "", "all"), ...values.map((each) => make("option", "", each)));
    by(`f-${name}`).addEventListener("change", filter);
  };
  const chosen = (name) => {
    const select = by(`f-${name}`);
    return select.selectedIndex > 0 ? select.value : null;
  };
  const filter = async () => {
    const asked = ++state.asked;
    const wanted = Object.entries(filters)
      .map(([name, column]) => [column, chosen(name)])
      .filter(([, value]) => value !== null);
    const rows = state.rows.filter((row) => wanted.every(
      ([column, value]) => (column === RULES ? row[RULES].includes(value) : row[column] === value)));
    const text = by("f-text").value.trim().toLowerCase();
    if (!text) return show(rows);
    const found = [];
    for (const row of rows) {
      let hit = row[ID].toLowerCase().includes(text);
      if (!hit) for (const each of textsOf(await talkOf(row))) {
        if (each.toLowerCase().includes(text)) { hit = true; break; }
      }
      if (asked !== state.asked) return undefined; // something else was typed meanwhile
      if (hit) found.push(row);
    }
    return show(found);
  };
  const show = (rows) => {
    const before = state.found[state.at];
    state.found = rows;
    state.at = rows.indexOf(before);
    count.textContent = rows.length === state.rows.length ? "" : `${rows.length.toLocaleString("en")} chosen.`;
    list.scrollTop = 0;
    draw();
  };

  // --- list: only the lines that are seen are in the page ---------------------------------------
  const space = make("div", "space");
  list.append(space);
  const draw = () => {
    const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 5);
    const last = Math.min(state.found.length, first + Math.ceil(list.clientHeight / HEIGHT) + 10);
    space.style.height = `${state.found.length * HEIGHT}px`;
    const lines = [];
    for (let at = first; at < last; at++) {
      const row = state.found[at];
      const line = make("div", `item ${OUTCOMES[row[OUTCOME]] ?? ""}`);
      line.style.top = `${at * HEIGHT}px`;
      line.id = `line-${at}`;
      line.setAttribute("role", "option");
      line.setAttribute("aria-selected", String(at === state.at));
      line.setAttribute("aria-setsize", String(state.found.length));
      line.setAttribute("aria-posinset", String(at + 1));
      const rules = row[RULES].length ? ` · ${row[RULES].join(", ")}` : "";
      const told = row[OUTCOME] === "kept" ? `${row[MESSAGES]} messages` : row[OUTCOME];
      line.append(make("b", "", row[ID]), make("small", "", `${told}${rules}`));
      line.addEventListener("click", () => select(at));
      lines.push(line);
    }
    space.replaceChildren(...lines);
    if (state.at >= first && state.at < last) list.setAttribute("aria-activedescendant", `line-${state.at}`);
    else list.removeAttribute("aria-activedescendant");
  };
  const select = (at) => {
    state.at = Math.max(0, Math.min(at, state.found.length - 1));
    if (!state.found.length) return;
    const top = state.at * HEIGHT;
    if (top < list.scrollTop) list.scrollTop = top;
    if (top + HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + HEIGHT - list.clientHeight;
    draw();
    state.beside = [state.found[state.at]];
    state.tab = 0;
    read();
  };
  list.addEventListener("scroll", draw);
  addEventListener("resize", draw);
  list.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(list.clientHeight / HEIGHT) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: page, PageUp: -page };
    if (event.key in steps) select(state.at + steps[event.key]);
    else if (event.key === "Home") select(0);
    else if (event.key === "End") select(state.found.length - 1);
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || /^(INPUT|SELECT)$/.test(event.target.tagName)) return;
    event.preventDefault();
    by("f-text").focus();
  });

  // --- the open conversations, beside one another -----------------------------------------------
  const pressed = (name, text, on, act) => {
    const button = make("button", "", text);
    button.type = "button";
    button.setAttribute(name, String(on));
    button.addEventListener("click", act);
    return button;
  };
  const read = async () => {
    const asked = state.beside, view = state.view, tab = state.tab;
    const talks = await Promise.all(asked.map(talkOf));
    if (asked !== state.beside || view !== state.view || tab !== state.tab) return;
    const columns = make("div", "columns");
    const drawn = talks.map(view === "tokens" ? documents : turns);
    const rows = Math.max(...drawn.map((each) => each.length));
    talks.forEach((talk, number) => {
      const aside = number === state.tab ? "" : " aside";
      const head = make("div", `head${aside}`);
      head.append(make("b", "", talk.row[PERSONA]), make("small", "", talk.facts.join(" · ")));
      place(columns, head, number, 0);
      for (let at = 0; at < rows; at++) {
        const turn = make("div", `turn${aside}`);
        turn.append(...(drawn[number][at] ?? []));
        place(columns, turn, number, at + 1);
      }
    });
    open.replaceChildren(bar(talks), columns);
    if (view === "tokens") columns.before(legend());
  };
  const place = (columns, element, column, row) => {
    element.style.gridColumn = String(column + 1);
    element.style.gridRow = String(row + 1);
    columns.append(element);
  };
  const bar = (talks) => {
    const first = talks[0].row;
    const task = state.rows.filter((row) => row[TASK] === first[TASK]);
    const found = make("div", "bar");
    const some = task.length < first[WHOLE] ? ` (${task.length} of ${first[WHOLE]} are here)` : "";
    found.append(make("span", "quiet", `${first[TASK]}${some}:`));
    for (const row of task) {
      const told = row[OUTCOME] === "kept" ? row[PERSONA] : `${row[PERSONA]} (${row[OUTCOME]})`;
      found.append(pressed("aria-pressed", told, state.beside.includes(row), () => toggle(row)));
    }
    const views = make("div", "views");
    for (const view of ["messages", "tokens"]) {
      views.append(pressed("aria-pressed", view, state.view === view, () => { state.view = view; read(); }));
    }
    found.append(views);
    if (talks.length < 2) return found;
    const both = make("div");
    const tabs = make("div", "bar tabs");
    tabs.append(make("span", "quiet", "read:"));
    talks.forEach((talk, number) => tabs.append(pressed(
      "aria-pressed", talk.row[PERSONA], number === state.tab, () => { state.tab = number; read(); })));
    both.append(found, tabs);
    return both;
  };
  const toggle = (row) => {
    const left = state.beside.filter((each) => each !== row);
    state.beside = left.length === state.beside.length ? [...left, row] : left.length ? left : [row];
    state.tab = left.length < state.beside.length ? state.beside.length - 1 : 0;
    read();
  };

  // Rows of a column: what comes before the user speaks, then one for each of the user's messages.
  const turns = (talk) => {
    const found = [[]];
    const told = (at) => talk.findings.filter(([, , message]) => message === at).map((each) => finding(talk, each));
    found[0].push(...told(-1));
    if (talk.note && !talk.messages.length) found[0].push(make("p", "none", talk.note));
    talk.messages.forEach((each, at) => {
      if (each.role === "user") found.push([]);
      found.at(-1).push(message(talk, each, at), ...told(at));
    });
    if (talk.verdict) {
      const [passed, detail] = talk.verdict;
      const said = `${passed ? "verified" : "failed"}${detail === "" ? "" : `: ${talk.whole(detail)}`}`;
      found.push([make("p", passed ? "verified" : "failed", said)]);
    }
    return found;
  };
  const message = (talk, each, at) => {
    const found = make("div", `message ${ROLES[each.role] ?? ""}`);
    const role = make("div", "role", `${at} ${each.role} `);
    if (each.notes.length) role.append(make("em", "", each.notes.join(" · ")));
    found.append(role);
    if (each.reasoning !== "") found.append(make("div", "thought", talk.whole(each.reasoning)));
    if (each.text !== "") found.append(make("div", "body", talk.whole(each.text)));
    for (const [name, given] of each.calls) found.append(make("div", "call", `→ ${name} ${talk.whole(given)}`));
    return found;
  };
  const finding = (talk, [rule, severity, , evidence]) =>
    make("div", `finding ${SEVERITIES[severity] ?? ""}`, `${severity}: ${rule}: ${talk.whole(evidence)}`);

  const documents = (talk) => talk.documents.length ? talk.documents.map((each, number) => {
    const counts = `${each.tokens.toLocaleString("en")} tokens, ${each.trained.toLocaleString("en")} trained`;
    const tokens = make("div", "tokens");
    let begun = false;
    for (const [kind, text] of each.runs) {
      const said = talk.whole(text);
      if (kind >= 2 && said === "<|start|>" && begun) tokens.append("\n");
      begun = true;
      tokens.append(make("span", `${kind % 2 ? "trained" : "context"}${kind >= 2 ? " special" : ""}`, said));
    }
    return [make("div", "role", `document ${number}: ${counts}`), tokens];
  }) : [[make("p", "none", talk.note)]];
  const legend = () => {
    const found = make("p", "legend");
    found.append(make("span", "trained", "trained"), " context ", make("b", "", "<|special|>"));
    return found;
  };

  // --- start ----------------------------------------------------------------------------------
  by("filters").addEventListener("submit", (event) => event.preventDefault());
  let waiting = 0;
  by("f-text").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 150); });
  unpack(source.index).then((rows) => {
    state.rows = rows;
    Object.entries(filters).forEach(([name, column]) => fill(name, column));
    show(rows);
    document.documentElement.dataset.ready = String(rows.length);
  });
})();
