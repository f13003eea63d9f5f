// Draws the part of the trace that is in sight, and no more: a page of thousands
// of steps stays light. Text goes in by textContent only, so data is never markup.
"use strict";
(() => {
  const ROW = 24, TOP = 44, MARGIN = 40; // heights in pixels; rows drawn out of sight
  const data = JSON.parse(document.getElementById("trace").textContent);
  const records = data.records || [], arrows = data.arrows || [], bars = data.bars || [];
  const lanes = data.lanes || [];
  const view = document.getElementById("view"), sheet = document.getElementById("sheet");
  const svg = document.getElementById("drawing"), rows = document.getElementById("rows");
  const detail = document.getElementById("detail"), find = document.getElementById("find");
  const LANE = lanes.length > 14 ? 64 : lanes.length > 7 ? 84 : 112;
  const WIDTH = lanes.length * LANE + 24; // of the diagram
  const WORLD = new Set(["drop", "duplicate", "cut", "heal", "crash", "restart", "wipe", "pause", "resume", "clock"]);

  let picked = 0, message = null, needle = "", drawn = "";

  const x = (lane) => 12 + LANE * (lane + 0.5);
  const y = (row) => ROW * (row + 0.5);

  // Elements of HTML and of SVG, with attributes and text.
  const fill = (e, attributes, text) => {
    for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
    if (text !== undefined) e.textContent = text;
    return e;
  };
  const tag = (name, attributes, text) => fill(document.createElement(name), attributes, text);
  const mark = (name, attributes, text) => fill(document.createElementNS(svg.namespaceURI, name), attributes, text);
  const put = (parent, ...children) => { parent.append(...children.filter(Boolean)); return parent; };

  const shorten = (text, n) => text.length > n ? text.slice(0, n - 1) + "…" : text;

  // A message's colour is that of its type: the word before its fields.
  const kinds = new Map();
  const typeOf = (text) => (text.match(/^[\w.]+/) || [shorten(text, 16)])[0];
  const colour = (text) => {
    const t = typeOf(text);
    if (!kinds.has(t)) kinds.set(t, kinds.size % 8);
    return "--k: var(--k" + kinds.get(t) + ")";
  };
  arrows.forEach((a) => colour(a.data));

  const nameOf = (a) => !a || (!a.Node && !a.Role) ? "-" : a.Role ? a.Node + "/" + a.Role : String(a.Node);
  const endOf = (a) => a.to >= 0 ? a.to : Math.min(a.from + 1, records.length - 1);

  // Which arrows and bars pass through which hundred rows.
  const BLOCK = 100;
  const index = (list, first, last) => {
    const blocks = [];
    list.forEach((e, i) => {
      for (let b = Math.floor(first(e) / BLOCK); b <= Math.floor(last(e) / BLOCK); b++) (blocks[b] ||= []).push(i);
    });
    return blocks;
  };
  const arrowBlocks = index(arrows, (a) => Math.min(a.from, endOf(a)), (a) => Math.max(a.from, endOf(a)));
  const barBlocks = index(bars, (b) => b.from, (b) => b.to);
  const within = (blocks, first, last) => {
    const found = new Set();
    for (let b = Math.floor(first / BLOCK); b <= Math.floor(last / BLOCK); b++) (blocks[b] || []).forEach((i) => found.add(i));
    return [...found].sort((p, q) => p - q);
  };
  const sentBy = [], cameBy = []; // arrows by the record that sent or received them
  arrows.forEach((a, i) => {
    (sentBy[a.from] ||= []).push(i);
    if (a.to >= 0) (cameBy[a.to] ||= []).push(i);
  });

  const drawArrow = (a, i) => {
    if (a.left < 0 || a.right < 0) return null;
    const g = mark("g", { class: "message" + (a.lost ? " lost" : "") + (touches(a, i) ? " picked" : ""), style: colour(a.data) });
    let x1 = x(a.left), x2 = x(a.right), y1 = y(a.from), y2 = y(endOf(a));
    if (a.lost) { x2 = x1 + (x2 - x1) * 0.6; y2 = a.to >= 0 ? y2 : y1 + ROW * 0.6; }
    const long = Math.hypot(x2 - x1, y2 - y1) || 1;
    const dx = (x2 - x1) / long, dy = (y2 - y1) / long;
    x1 += dx * 6; y1 += dy * 6;
    if (!a.lost) { x2 -= dx * 7; y2 -= dy * 7; }
    // Messages between lanes that are the same or overlap bend aside.
    const bend = a.left === a.right ? LANE * 0.35 : 0;
    const path = bend ? `M${x1},${y1} C${x1 + bend},${y1} ${x2 + bend},${y2} ${x2},${y2}` : `M${x1},${y1} L${x2},${y2}`;
    put(g, mark("path", { class: "arrow", d: path }));
    if (a.lost) {
      put(g, mark("path", { class: "cross", d: `M${x2 - 5},${y2 - 5} l10,10 m0,-10 l-10,10` }));
    } else {
      put(g, mark("path", { class: "head", d: `M${x2},${y2} L${x2 - dx * 9 - dy * 4},${y2 - dy * 9 + dx * 4} L${x2 - dx * 9 + dy * 4},${y2 - dy * 9 - dx * 4} Z` }));
    }
    // Arrows of one broadcast fan out: their names stand nearer to the heads.
    const near = a.lost ? 0.5 : 0.62, full = touches(a, i);
    put(g,
      mark("text", { x: x1 + (x2 - x1) * near + bend, y: y1 + (y2 - y1) * near - 4, "text-anchor": "middle" }, full ? shorten(a.data, 44) : typeOf(a.data)),
      mark("path", { class: "grab", d: path }));
    g.lastChild.append(mark("title", {}, a.data));
    g.addEventListener("click", () => { message = i; picked = a.from; draw(true); tellMessage(a); });
    return g;
  };
  const touches = (a, i) => message === null ? a.from === picked || a.to === picked : message === i;

  const drawBar = (b) => {
    const left = x(b.first) - LANE * 0.3, wide = x(b.last) - x(b.first) + LANE * 0.6;
    const high = Math.max(y(b.to) - y(b.from), ROW * 0.5);
    return put(mark("g", { class: "bar " + b.kind }),
      mark("rect", { x: left, y: y(b.from), width: wide, height: high }),
      mark("text", { x: left + 4, y: y(b.from) + 13 }, b.text),
      mark("title", {}, b.text));
  };

  const drawDot = (i) => {
    const r = records[i], lane = data.lane[i];
    if (r.kind === "violate") return mark("line", { class: "rule", x1: 0, x2: WIDTH, y1: y(i), y2: y(i) });
    if (lane < 0) return null;
    if (r.kind === "timer") return put(mark("g", {}), circle(i, lane), mark("path", { class: "clock", d: `M${x(lane)},${y(i) - 3} v3 h2.5` }));
    return circle(i, lane);
  };
  const circle = (i, lane) => mark("circle", {
    cx: x(lane), cy: y(i), r: records[i].kind === "timer" ? 6 : 4.5,
    class: "dot" + (records[i].saved ? " save" : "") + (WORLD.has(records[i].kind) ? " world" : "") + (i === picked ? " picked" : ""),
  });

  // One line for what changed: the new values of a few fields.
  const brief = (r) => (r.change || []).filter((l) => l.startsWith("+ ") && r.kind !== "ready").map((l) => l.slice(2)).join("  ");
  const matches = (i) => needle !== "" && haystack(i).includes(needle);
  const haystack = (i) => {
    const r = records[i];
    return [data.text[i], nameOf(r.addr), ...(r.saved || []), ...(r.sent || []).map((s) => s.data),
      ...(r.replied || []).map((a) => a.data), ...(r.notes || []).map((n) => n.name + " " + (n.text || "")), ...(r.change || [])].join("\n").toLowerCase();
  };

  const drawRow = (i) => {
    const r = records[i];
    const e = tag("div", {
      class: "row " + (WORLD.has(r.kind) ? "world " : "") + (r.kind === "violate" ? "violate " : "") + (i === picked ? "picked " : "") + (matches(i) ? "hit" : ""),
      style: `top:${ROW * i}px;left:${WIDTH}px`,
    });
    put(e, tag("span", { class: "n" }, r.n), tag("span", { class: "t" }, data.clock[i]),
      tag("span", { class: "where" }, nameOf(r.addr)), tag("span", { class: "what" }, data.text[i]), tag("span", { class: "diff" }, brief(r)));
    e.addEventListener("click", () => pick(i));
    return e;
  };

  // draw shows the rows in sight; what is drawn already stays unless forced.
  const draw = (force) => {
    const first = Math.max(0, Math.floor((view.scrollTop - TOP) / ROW) - MARGIN);
    const last = Math.min(records.length - 1, Math.ceil((view.scrollTop + view.clientHeight) / ROW) + MARGIN);
    const key = first + "-" + last;
    if (key === drawn && !force) return;
    drawn = key;
    const top = ROW * first, high = Math.max(0, ROW * (last - first + 1));
    fill(svg, { width: WIDTH, height: high, viewBox: `0 ${top} ${WIDTH} ${high}`, style: `top:${top}px` });
    svg.replaceChildren(hatch());
    rows.replaceChildren();
    if (picked >= first && picked <= last && records.length) put(svg, mark("rect", { class: "band", x: 0, y: ROW * picked, width: WIDTH, height: ROW }));
    lanes.forEach((_, l) => put(svg, mark("line", { class: "life", x1: x(l), x2: x(l), y1: top, y2: top + high })));
    within(barBlocks, first, last).forEach((i) => put(svg, drawBar(bars[i])));
    const shown = within(arrowBlocks, first, last), above = (i) => touches(arrows[i], i);
    shown.filter((i) => !above(i)).concat(shown.filter(above)).forEach((i) => put(svg, drawArrow(arrows[i], i)));
    for (let i = first; i <= last; i++) { put(svg, drawDot(i)); put(rows, drawRow(i)); }
  };
  const hatch = () => put(mark("defs", {}), put(mark("pattern", { id: "down", width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }),
    mark("line", { class: "hatch", x1: 0, y1: 0, x2: 0, y2: 7 })));

  // The panel beside: a step, or a message.
  const heading = (text) => tag("h3", {}, text);
  const link = (i) => {
    const b = tag("button", { type: "button" }, "step " + records[i].n);
    b.addEventListener("click", () => pick(i));
    return b;
  };
  const fate = (list) => {
    const p = tag("p", {});
    list.forEach((i) => {
      const a = arrows[i];
      if (a.lost) put(p, tag("span", { class: "bad" }, "lost "));
      if (a.to >= 0) put(p, document.createTextNode(a.lost ? "in " : "received in "), link(a.to));
    });
    return p;
  };
  const tellMessage = (a) => {
    detail.replaceChildren();
    const name = (l) => l < 0 ? "?" : lanes[l].role ? lanes[l].node + "/" + lanes[l].role : lanes[l].node;
    put(detail, tag("h2", {}, "Message #" + a.id), tag("p", {}, name(a.left) + " → " + name(a.right)),
      tag("pre", { style: colour(a.data) + "; color: var(--k)" }, a.data), heading("sent"), put(tag("p", {}), link(a.from)), heading("arrivals"),
      fate(sentBy[a.from].filter((i) => arrows[i].id === a.id)));
  };
  const tell = (i) => {
    detail.replaceChildren();
    const r = records[i];
    if (!r) return;
    put(detail, tag("h2", r.kind === "violate" ? { class: "bad" } : {}, "Step " + r.n + (r.addr && r.addr.Node ? " at " + nameOf(r.addr) : "")), tag("p", {}, data.clock[i]), tag("pre", {}, data.text[i]));
    (cameBy[i] || []).forEach((a) => put(detail, put(tag("p", {}, "sent in "), link(arrows[a].from))));
    if (r.saved) put(detail, heading("saved"), ...r.saved.map((s) => tag("pre", {}, s)));
    if (r.sent) put(detail, heading("sent"), ...r.sent.flatMap((s) => [
      tag("pre", { style: colour(s.data) + "; color: var(--k)" }, "→ " + nameOf(s.to) + (s.after ? " after " + s.after / 1e6 + " ms" : "") + "\n" + s.data),
      fate((sentBy[i] || []).filter((a) => arrows[a].id === String(s.id)))]));
    if (r.replied) put(detail, heading("replied"), ...r.replied.map((a) => tag("pre", {}, a.id + ": " + a.data)));
    if (r.trim) put(detail, heading("trimmed"), tag("p", {}, "records before " + r.trim));
    if (r.notes) put(detail, heading("notes"), ...r.notes.map((n) => tag("pre", {}, n.name + (n.text ? ": " + n.text : ""))));
    if (r.change) put(detail, heading("changed"), ...r.change.map((l) => tag("pre", { class: l[0] === "-" ? "old" : "new" }, l)));
  };

  const pick = (i) => {
    if (!records.length) return;
    picked = Math.max(0, Math.min(records.length - 1, i));
    message = null;
    const at = ROW * picked, seen = view.clientHeight - TOP;
    if (at < view.scrollTop + ROW) view.scrollTop = Math.max(0, at - seen / 3);
    if (at > view.scrollTop + seen - 2 * ROW) view.scrollTop = at - seen * 2 / 3;
    draw(true);
    tell(picked);
  };
  const search = (from, by) => {
    for (let i = from; i >= 0 && i < records.length; i += by) if (matches(i)) { pick(i); return; }
  };

  // The columns' heads: a node over its roles.
  const head = () => {
    const bar = document.getElementById("lanes");
    lanes.forEach((l, i) => {
      if (i === 0 || lanes[i - 1].node !== l.node) {
        let n = 1;
        while (lanes[i + n] && lanes[i + n].node === l.node) n++;
        put(bar, tag("div", { class: "node", style: `left:${x(i) - LANE / 2}px;width:${LANE * n}px` }, l.node));
      }
      put(bar, tag("div", { class: "role", style: `left:${x(i) - LANE / 2}px;width:${LANE}px` }, l.role));
    });
    put(bar, tag("div", { class: "head", style: `left:${WIDTH + 34}px` }, "step, time, where, what, new values"));
    sheet.style.height = ROW * records.length + 80 + "px";
    sheet.style.width = bar.style.width = `max(100%, ${WIDTH + 500}px)`;
  };

  document.getElementById("count").textContent = records.length + " steps, " + arrows.length + " messages";
  const labels = document.getElementById("labels");
  labels.checked = records.length <= 400;
  const showLabels = () => svg.classList.toggle("labels", labels.checked);
  labels.addEventListener("change", showLabels);
  find.addEventListener("input", () => {
    needle = find.value.toLowerCase();
    const n = needle ? records.reduce((sum, _, i) => sum + matches(i), 0) : 0;
    document.getElementById("found").textContent = needle ? n + " found" : "";
    draw(true);
  });
  document.addEventListener("keydown", (e) => {
    if (e.target === find) {
      if (e.key === "Enter") search(picked + (e.shiftKey ? -1 : 1), e.shiftKey ? -1 : 1);
      if (e.key === "Escape") view.focus();
      return;
    }
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const page = Math.floor(view.clientHeight / ROW) - 3;
    const moves = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -records.length, End: records.length };
    if (e.key in moves) { e.preventDefault(); pick(picked + moves[e.key]); }
    if (e.key === "/") { e.preventDefault(); find.focus(); }
  });
  let waiting = false;
  const later = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(false); });
  };
  view.addEventListener("scroll", later);
  window.addEventListener("resize", later);
  head();
  showLabels();
  const from = parseInt(location.hash.slice(1), 10);
  const start = records.findIndex((r) => r.n === from);
  pick(start >= 0 ? start : 0);
  view.focus();
})();
