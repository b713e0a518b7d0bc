// Steps through a trace; the data is what to_show in widget.py makes.

const SECONDS = 1.5; // for each moment while playing
const STRENGTH = 0.6; // opacity of the colour behind the largest number
const BLUE = "0, 114, 178", ORANGE = "213, 94, 0"; // positive and negative

const make = (tag, name = "", text = "") => Object.assign(document.createElement(tag), { className: name, textContent: text });

function shade(cell, level) {
  if (level) cell.style.background = `rgba(${level > 0 ? BLUE : ORANGE}, ${STRENGTH * Math.abs(level)})`;
}

// A figure of one array; pick(row, column) is called for a click where the array is what comes out.
function figure(name, array, pick) {
  const whole = make("figure"), caption = make("figcaption", "", `${name} `);
  caption.append(make("span", "", array.shape + (array.summary && `, ${array.summary}`)));
  whole.append(caption);
  if (array.image) whole.append(Object.assign(make("img"), { src: array.image.source, width: array.image.width, alt: name }));
  if (array.summary) whole.append(make("div", "quiet", "its first elements:"));
  const table = make("table"), scroll = make("div", "scroll");
  array.cells.forEach((row, i) => {
    const line = table.insertRow();
    row.forEach((text, j) => {
      const cell = line.insertCell();
      cell.textContent = text;
      shade(cell, array.levels[i][j]);
      if (!pick) return;
      cell.className = "pick";
      cell.onclick = () => pick(i, j);
    });
  });
  scroll.append(table);
  whole.append(scroll);
  return { whole, table };
}

const largest = (levels) => {
  let best = [0, 0];
  levels.forEach((row, i) => row.forEach((level, j) => {
    if (Math.abs(level) > Math.abs(levels[best[0]][best[1]])) best = [i, j];
  }));
  return best;
};

function render({ model, el }) {
  const trace = model.get("trace"), { moments, arrays } = trace, chosen = {};
  const root = Object.assign(make("div", "cp-step"), { tabIndex: 0 });
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab keeps its own keys out of here
  const bar = make("div", "bar"), body = make("div"), count = make("span", "count");
  const back = make("button", "", "back"), play = make("button", "", "play"), next = make("button", "", "next");
  const slider = Object.assign(make("input"), { type: "range", min: 0, max: moments.length - 1, ariaLabel: "step" });
  let timer = null;

  const position = () => Math.min(model.get("position"), moments.length - 1);
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "play"; };
  function go(to) {
    model.set("position", Math.max(0, Math.min(to, moments.length - 1)));
    model.save_changes();
  }
  function toggle() {
    if (timer !== null) return stop();
    if (position() === moments.length - 1) go(0);
    play.textContent = "stop";
    timer = setInterval(() => { go(position() + 1); if (position() === moments.length - 1) stop(); }, 1000 * SECONDS);
  }

  function show() {
    const at = position(), moment = moments[at], array = arrays[moment.name], tables = {};
    slider.value = at;
    back.disabled = at === 0;
    next.disabled = at === moments.length - 1;
    count.textContent = `${moment.part} ${at + 1} / ${moments.length}`;
    chosen[moment.name] ??= largest(array.levels);
    const sum = Object.assign(make("div", "element"), { ariaLive: "polite" });
    const pick = (row, column) => { chosen[moment.name] = [row, column]; mark(); };
    function mark() {
      const [row, column] = chosen[moment.name], element = array.elements[row][column];
      root.querySelectorAll("td").forEach((cell) => cell.classList.remove("chosen", "source"));
      for (const [name, places] of Object.entries(element.sources))
        for (const [i, j] of places) tables[name]?.rows[i].cells[j].classList.add("source");
      made.table.rows[row].cells[column].classList.add("chosen");
      sum.textContent = element.text;
    }
    const made = figure(moment.name, array, pick), inputs = make("div", "arrays"), output = make("div", "arrays");
    for (const name of moment.inputs) {
      const one = figure(name, arrays[name]);
      tables[name] = one.table;
      inputs.append(one.whole);
    }
    output.append(made.whole);
    const math = make("div", "math");
    math.innerHTML = moment.math;
    body.replaceChildren(
      make("div", "code", moment.text), ...(moment.math ? [math] : []), make("div", "quiet", moment.place),
      make("div", "", moment.rule), inputs, make("div", "quiet", "gives"), output, sum,
      ...trace.notes.filter((note) => [moment.name, ...moment.inputs].includes(note.split(":")[0]))
        .map((note) => make("div", "note", note)),
    );
    mark();
    show.move = (rows, columns) => {
      const [row, column] = chosen[moment.name], height = array.cells.length, width = array.cells[0].length;
      pick((row + rows + height) % height, (column + columns + width) % width);
    };
  }

  back.onclick = () => { stop(); go(position() - 1); };
  next.onclick = () => { stop(); go(position() + 1); };
  play.onclick = toggle;
  slider.oninput = () => { stop(); go(Number(slider.value)); };
  root.onkeydown = (event) => {
    const element = event.shiftKey ? { ArrowLeft: [0, -1], ArrowRight: [0, 1] } : { ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.target === slider && !event.shiftKey) return;
    if (element[event.key]) show.move(...element[event.key]);
    else if (step) { stop(); go(position() + step); }
    else if (event.key === " " && event.target === root) toggle();
    else return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has its own use for these keys
  };
  model.on("change:position", show);
  bar.append(back, play, next, slider, count);
  root.append(
    make("div", "quiet", trace.about), bar, body,
    make("div", "quiet", "Keys: ← → step, space plays, ↑ ↓ and shift with ← → choose an element, as a click does."),
  );
  el.append(root);
  show();
  return () => { stop(); model.off("change:position", show); };
}

export default { render };
