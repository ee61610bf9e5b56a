/** @file A page to try the served models: a form for every ability, and its answers as pictures. */

const MOST_BARS = 20;
const HUES = 6; // as many as page.css has
const FIRST_NUMBERS = 4; // of a vector, where a reply is shown

/** Forgotten when the page is left; what was `typed` outlives the forms, so that models can be compared. */
const session = { key: '', ability: '', typed: new Map() };

// Elements and words

const byId = (id) => document.getElementById(id);
const copyOf = (id) => byId(id).content.cloneNode(true);

/** A new element with properties and attributes; strings among the children are text, never markup. */
function el(tag, look = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(look)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const heading = (text) => el('h2', {}, text);
const remark = (text) => el('p', { className: 'remark' }, text);
const paragraph = (...parts) => el('p', { className: 'text', dir: 'auto' }, ...parts);

/** Put a line before people; `wrong` when it tells of a problem. */
function say(line, text, wrong) {
  line.textContent = text;
  line.classList.toggle('problem', wrong);
}

/** Give `node` as much of its tone as `share`, from 0 to 1: at most 45 %, on which text stays readable. */
function tint(node, share) {
  node.style.setProperty('--share', `${(45 * Math.min(1, Math.max(0, share))).toFixed(1)}%`);
  return node;
}

const percent = (share) => `${(100 * share).toFixed(1)}%`;
const number = (value, precision = 4) => String(Number(value.toPrecision(precision)));
const grouped = (value) => value.toLocaleString('en');
const count = (amount, one, many = `${one}s`) => `${grouped(amount)} ${amount === 1 ? one : many}`;
const lines = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);

/** A name, its probability, and a bar as long as that; `pick` makes it a button. */
function bar({ name, share, hit = false, pick = null }) {
  const fill = el('span', { className: 'fill' });
  fill.style.width = percent(share);
  const look = { className: hit ? 'bar hit' : 'bar', ...(pick && { type: 'button', onclick: pick }) };
  return el(pick ? 'button' : 'div', look,
    el('span', { className: 'name', dir: 'auto' }, name),
    el('span', { className: 'track', 'aria-hidden': 'true' }, fill),
    el('span', { className: 'share' }, percent(share)));
}

const bars = (entries) => el('ul', { className: 'bars' }, ...entries.map((entry) => el('li', {}, bar(entry))));

/** Bars for an object of probabilities, the most likely first. */
function rankedBars(probabilities, hits) {
  const entries = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
  const shown = entries.slice(0, MOST_BARS)
    .map(([name, share]) => ({ name: name || '(no answer)', share, hit: hits.includes(name) }));
  const more = entries.length - shown.length;
  return more ? [bars(shown), remark(`and ${grouped(more)} more`)] : [bars(shown)];
}

/** `text` with marks at `spans`, in order; as the server does, places count characters (code points). */
function marked(text, spans) {
  const characters = Array.from(text);
  const cut = (start, end) => characters.slice(start, end).join('');
  const node = paragraph();
  let place = 0;
  for (const { offsets: [start, end], label = '', look = {} } of spans) {
    const tag = el('bdi', { className: 'tag', hidden: !label }, label);
    node.append(cut(place, start), el('mark', look, cut(start, end), tag));
    place = end;
  }
  node.append(cut(place));
  return node;
}

// Answers of tasks: (answer, row, task) to what they say in a line, and the parts that show it

const drawLabels = ({ labels, probabilities }) => (
  { said: labels.join(', ') || 'No label', parts: rankedBars(probabilities, labels) });
const drawClass = ({ label, probabilities }) => drawLabels({ labels: [label], probabilities });
const drawNumber = ({ value }) => ({ said: number(value, 6), parts: [] });

/** Marks are entities; where the tags spell none, the words with a tag. */
function drawTags({ tags, offsets: places, probabilities, entities }, text, { labels }) {
  const words = tags.map((type, at) => ({ type, offsets: places[at], probability: probabilities[at] }));
  const found = entities ?? words.filter(({ type }) => type && type !== 'O');
  const types = [...new Set(labels.map((tag) => (entities ? tag.replace(/^[BIMELSU]-/, '') : tag)))];
  const hue = (type) => `hue-${types.indexOf(type) % HUES}`;
  const spans = found.map(({ type, offsets, probability }) => (
    { offsets, label: type, look: { className: hue(type), title: percent(probability) } }));
  const times = (type) => found.filter((one) => one.type === type).length;
  const entry = (type) => el('li', { className: hue(type) }, el('bdi', {}, type), ` ${times(type)}`);
  const legend = el('ul', { className: 'legend', 'aria-label': 'Legend' }, ...types.filter(times).map(entry));
  const said = entities ? count(found.length, 'entity', 'entities') : count(found.length, 'tag');
  return { said, parts: [marked(text, spans), legend] };
}

function drawAnswer({ answer, offsets, probability, probabilities, null_odds: odds }, { context }) {
  const said = `${answer || 'The passage has no answer'} (${percent(probability)})`;
  const passage = marked(context, offsets ? [{ offsets }] : []);
  const note = odds === undefined ? [] : [remark(`Score of no answer less that of the best one: ${number(odds)}`)];
  return { said, parts: [passage, heading('Candidates'), ...rankedBars(probabilities, [answer]), ...note] };
}

function drawChoices({ choice, probabilities }, { choices }) {
  const best = Math.max(...probabilities);
  const entry = (name, at) => ({ name, share: probabilities[at], hit: probabilities[at] === best });
  return { said: choice, parts: [bars(choices.map(entry))] };
}

const TASKS = {
  classify: drawClass, label: drawLabels, regress: drawNumber, tag: drawTags, answer: drawAnswer, choose: drawChoices,
};

// Answers of abilities: (reply, body, panel) likewise

const drawTask = ({ answers: [answer] }, { input }, { model: { task } }) => TASKS[task.kind](answer, input, task);

/** A candidate's text goes into the form; where that leaves blanks, the model is asked again for them. */
function drawBlanks({ answers: [{ masks }] }, { input }, panel) {
  const label = (at) => (masks.length > 1 ? `${at + 1}` : '');
  const candidate = ({ token, probability, text }) => (
    { name: token, share: probability, pick: () => panel.put(text, text.includes('[MASK]')) });
  const blanks = masks.flatMap(({ candidates }, at) => [
    ...(label(at) ? [heading(`Blank ${label(at)}`)] : []), bars(candidates.map(candidate))]);
  const said = masks.map(({ candidates: [best] }) => best.token).join(' … ');
  const sentence = marked(input, masks.map(({ offsets }, at) => ({ offsets, label: label(at) })));
  return { said, parts: [sentence, ...blanks, remark('Choose one, and it is put into the text above.')] };
}

function drawFollowing({ answers: [{ is_next: share, question }] }) {
  const [yes, no] = question === 'order'
    ? ['They stand in this order', 'They stand the other way round']
    : ['The second text follows the first', 'The second text is from elsewhere'];
  return { said: share >= 0.5 ? yes : no, parts: [bars([{ name: yes, share, hit: share >= 0.5 }])] };
}

const dot = (a, b) => a.reduce((sum, value, at) => sum + value * b[at], 0);
const cosine = (a, b) => dot(a, b) / (Math.sqrt(dot(a, a) * dot(b, b)) || 1);

/** How alike the texts are. Colours begin at the least alike: for many models that is far above 0. */
function similarityTable(texts, vectors) {
  const values = vectors.map((a) => vectors.map((b) => cosine(a, b)));
  const least = Math.min(...values.flat());
  const shown = (value) => value.toFixed(2).replace('-0.00', '0.00');
  const cell = (value) => tint(el('td', { className: 'tint' }, shown(value)), (value - least) / (1 - least || 1));
  const row = (text, at) => el('tr', {},
    el('th', { scope: 'row', dir: 'auto', title: text }, `${at + 1}. ${text}`), ...values[at].map(cell));
  const head = el('tr', {}, el('td'), ...texts.map((_, at) => el('th', { scope: 'col' }, String(at + 1))));
  const table = el('table', {}, el('thead', {}, head), el('tbody', {}, ...texts.map(row)));
  return el('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Similarities' }, table);
}

function drawVectors({ data, usage }, { input }) {
  const vectors = data.map(({ embedding }) => embedding);
  const said = `${count(vectors.length, 'vector')} of ${count(vectors[0].length, 'number')}`;
  const note = remark(`Cosines: the stronger the colour, the more alike. ${count(usage.total_tokens, 'token')} read.`);
  return { said, parts: [similarityTable(input, vectors), note] };
}

/** A piece of a word, the stronger in colour the less it was expected, and the blank before it. */
function piece(token, logarithm) {
  const joined = token.startsWith('##') && token.length > 2;
  const title = `${token}: ${percent(Math.exp(logarithm))} (${number(logarithm)})`;
  const node = el('span', { className: 'tint piece', title }, joined ? token.slice(2) : token);
  return [joined ? '' : ' ', tint(node, -logarithm / 12)];
}

function drawScores({ answers, kind }, { input }) {
  const perplexities = answers.map(({ perplexity }) => perplexity ?? Infinity); // of a line without a token
  const best = perplexities.indexOf(Math.min(...perplexities));
  const rows = answers.map((one, at) => el('div', { className: 'row' },
    paragraph(...one.pieces.flatMap((token, place) => piece(token, one.log_probabilities[place]))),
    remark(`Perplexity ${one.perplexity === null ? 'none' : number(one.perplexity)}, ${kind} ${number(one.log_probability)}`)));
  const said = answers.length > 1 ? `Most natural: ${input[best]}` : `Perplexity ${number(perplexities[0])}`;
  const note = remark('The stronger the colour, the less expected the token; point at one for its probability.');
  return { said, parts: [...rows, note] };
}

function drawContinuation({ answers: [{ text, continuation, tokens, stopped }] }) {
  const why = { end: 'the model ended', tokens: 'no more were asked for', positions: 'it can read no further' };
  const said = `${count(tokens.length, 'token')} added: ${why[stopped] ?? stopped}`;
  const begun = text.slice(0, text.length - continuation.length);
  return { said, parts: [paragraph(begun, el('mark', {}, continuation))] };
}

/** Title and drawing of every ability, in the order of the tabs. */
const ABILITIES = {
  predict: ['Predict', drawTask],
  'fill-mask': ['Fill the blank', drawBlanks],
  'next-sentence': ['Next sentence', drawFollowing],
  embeddings: ['Embeddings', drawVectors],
  score: ['Score', drawScores],
  generate: ['Generate', drawContinuation],
};

const abilitiesOf = ({ abilities, task }) => Object.keys(ABILITIES)
  .filter((name) => abilities.includes(name) && (name !== 'predict' || Object.hasOwn(TASKS, task?.kind)));

/** Which fields a form has: the end of a template's id in index.html. */
function fieldsOf(ability, task) {
  if (ability !== 'predict') return ability;
  if (['tag', 'answer', 'choose'].includes(task.kind)) return task.kind;
  return task.pairs ? 'pair' : 'text';
}

const textAlone = ({ text, ...options }) => ({ input: text, ...options });

/** What those fields hold as a request; where none is named, all of them are the input. */
const REQUESTS = {
  text: textAlone, tag: textAlone, 'fill-mask': textAlone, generate: textAlone,
  choose: ({ choices, ...rest }) => ({ input: { ...rest, choices: lines(choices) } }),
  embeddings: ({ text }) => ({ input: lines(text) }),
  score: ({ text }) => ({ input: lines(text), per_token: true }),
};

// Asking the server

/** Something that people are told in one line, unlike a mistake of this page: it has a status. */
const problem = (message, status = 0) => Object.assign(new Error(message), { status });
const failing = (message) => () => { throw problem(message); };

/** The JSON that answers a GET, or a POST where there is a body. */
async function ask(path, body) {
  const key = session.key && { Authorization: `Bearer ${session.key}` };
  const headers = { 'Content-Type': 'application/json', ...key };
  const asked = { method: body ? 'POST' : 'GET', headers, body: JSON.stringify(body), cache: 'no-store' };
  const response = await fetch(path, asked).catch(failing('The server cannot be reached.'));
  if (response.ok) return response.json().catch(failing('The answer broke off.'));
  const told = await response.json().then(({ error }) => error.message).catch(() => `Status ${response.status}`);
  const wait = response.headers.get('Retry-After'); // with 429 and 503
  throw problem(wait ? `Busy, try again in ${wait} s (${told})` : told, response.status);
}

/** `value` as one word of a POSIX shell. */
const quoted = (value) => `'${value.replaceAll("'", "'\\''")}'`;

const curl = (path, body) => [
  `curl ${quoted(location.origin + path)}`,
  ...(session.key ? ['-H "Authorization: Bearer $KEY"'] : []),
  "-H 'Content-Type: application/json'",
  `-d ${quoted(JSON.stringify(body))}`,
].join(' \\\n  ');

/** A reply as lines of JSON: vectors shortened, short lists of numbers on one line. */
function pretty(reply) {
  const shorten = (name, value) => (name === 'embedding' && value.length > FIRST_NUMBERS
    ? [...value.slice(0, FIRST_NUMBERS), `… ${value.length - FIRST_NUMBERS} more`] : value);
  return JSON.stringify(reply, shorten, 2)
    .replace(/\[\n\s*([-+.\deE,\s]+?)\n\s*\]/g, (_, numbers) => `[${numbers.replace(/\s+/g, ' ')}]`);
}

// The page

/** The form of one ability of a model, and below it the answer. */
class Panel {
  constructor(model, ability) {
    Object.assign(this, { model, path: `/v1/${ability}`, draw: ABILITIES[ability][1] });
    this.fields = fieldsOf(ability, model.task);
    this.node = el('div', { id: `panel-${ability}`, role: 'region', 'aria-labelledby': `tab-${ability}` });
    this.node.append(copyOf('panel'));
    const found = (selector) => this.node.querySelector(selector);
    found('.fields').append(copyOf(`fields-${this.fields}`));
    [this.form, this.button, this.output, this.line, this.result] =
      ['form', 'button', 'section', '.said', '.result'].map(found);
    this.boxes = [...this.form.elements].filter(({ name }) => name);
    this.listen();
  }

  listen() {
    const place = ({ name }) => `${this.fields} ${name}`;
    for (const box of this.boxes) box.value = session.typed.get(place(box)) ?? box.value;
    this.form.oninput = ({ target }) => session.typed.set(place(target), target.value);
    this.form.onkeydown = ({ key, ctrlKey, metaKey }) => {
      if (key === 'Enter' && (ctrlKey || metaKey)) this.form.requestSubmit();
    };
    this.form.onsubmit = (event) => { event.preventDefault(); this.send(); };
  }

  /** Write into the form's first box, as if it were typed; and ask again if told to. */
  put(text, again) {
    const [box] = this.boxes;
    box.value = text;
    box.dispatchEvent(new Event('input', { bubbles: true }));
    box.focus();
    if (again) this.send();
  }

  /** Ask what the form says, one question at a time. */
  async send() {
    if (this.button.disabled) return;
    const focused = document.activeElement === this.button;
    this.wait(true);
    await this.answer().catch((mistake) => this.fail(mistake));
    this.wait(false);
    if (focused) this.button.focus();
  }

  /** Be asking, or not; the line that is read aloud has to be there before it changes. */
  wait(waiting) {
    this.output.hidden = false;
    this.button.disabled = waiting;
    this.button.textContent = waiting ? 'Asking …' : 'Ask';
    this.result.setAttribute('aria-busy', waiting);
  }

  request() {
    const value = (box) => (box.type === 'number' ? box.valueAsNumber : box.value);
    const given = this.boxes.filter((box) => box.value).map((box) => [box.name, value(box)]);
    const shape = REQUESTS[this.fields] ?? ((input) => ({ input }));
    return { model: this.model.id, ...shape(Object.fromEntries(given)) };
  }

  async answer() {
    const body = this.request();
    const reply = await ask(this.path, body);
    const { said, parts } = this.draw(reply, body, this);
    const cut = (reply.answers ?? reply.data).some(({ truncated }) => truncated);
    const note = cut ? [remark('The text is longer than the model can read: a part of it was not seen.')] : [];
    const code = (text) => el('pre', { dir: 'ltr', tabIndex: 0 }, text);
    const told = [el('summary', {}, 'Request and answer'), code(curl(this.path, body)), code(pretty(reply))];
    this.show(said, false, ...parts, ...note, el('details', {}, ...told));
  }

  fail({ message, status }) {
    this.show(status === undefined ? `This page cannot show the answer: ${message}` : message, true);
    if (status === 401) wantKey();
  }

  show(said, wrong, ...parts) {
    this.result.replaceChildren(...parts);
    say(this.line, said, wrong);
  }
}

const tabOf = (ability) => el('button',
  { id: `tab-${ability}`, type: 'button', onclick: () => select(ability) }, ABILITIES[ability][0]);

function select(ability) {
  session.ability = ability;
  for (const tab of byId('tabs').children) tab.setAttribute('aria-current', tab.id === `tab-${ability}`);
  for (const panel of byId('panels').children) panel.hidden = panel.id !== `panel-${ability}`;
}

function showModel(model) {
  const { id, task, dimensions, max_length: longest, precision } = model;
  const facts = [task?.kind, dimensions && `${grouped(dimensions)} dimensions`, `up to ${grouped(longest)} tokens`,
    precision];
  byId('facts').replaceChildren(el('bdi', {}, id), ...facts.filter(Boolean).map((fact) => ` · ${fact}`));
  const abilities = abilitiesOf(model);
  byId('tabs').replaceChildren(...abilities.map(tabOf));
  byId('panels').replaceChildren(...abilities.map((ability) => new Panel(model, ability).node));
  select(abilities.includes(session.ability) ? session.ability : abilities[0]);
}

function showModels(models) {
  const choice = byId('model');
  choice.replaceChildren(...models.map(({ id }) => el('option', {}, id)));
  choice.onchange = () => showModel(models[choice.selectedIndex]);
  byId('choice').hidden = models.length === 1;
  showModel(models[0]);
}

function wantKey() {
  say(byId('status'), session.key ? 'The server does not take this key.' : 'This server wants a key.', true);
  byId('key-form').hidden = false;
  byId('key').focus();
}

async function start() {
  byId('again').hidden = byId('key-form').hidden = true;
  say(byId('status'), 'Asking the server …', false);
  try {
    showModels((await ask('/v1/models')).data);
    say(byId('status'), '', false);
  } catch ({ message, status }) {
    say(byId('status'), message, true);
    if (status === 401) wantKey();
    else byId('again').hidden = false;
  }
}

byId('key-form').onsubmit = (event) => {
  event.preventDefault();
  session.key = byId('key').value.trim();
  byId('key').value = '';
  start();
};
byId('again').onclick = start;
start();
