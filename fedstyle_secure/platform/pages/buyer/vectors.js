// A style model and a catalogue on typed arrays: what `encoder/model.py` and `catalogue/search.py` do.

const NEAR = "near", OPEN = "maybe", NOBODY = "nobody here paints like this";

/** Tensors of a safetensors file by name, each {shape, numbers}, and what is written beside them. */
export function readTensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true)), start = 8 + length;
  const { __metadata__: facts, ...header } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header)) {
    if (dtype !== "F32") throw new Error(`a tensor of kind ${dtype}, which this page does not read`);
    tensors[name] = { shape, numbers: new Float32Array(bytes.slice(start + from, start + to).buffer) };
  }
  return { tensors, facts };
}

/** Embeds raw features: whitening, alignment, and the trained head beside them. */
export class Model {
  constructor(bytes) {
    const { tensors, facts } = readTensors(bytes);
    Object.assign(this, tensors, JSON.parse(facts.fedstyle));
  }

  embed(raw) {
    const centered = raw.map((number, i) => number - this.center.numbers[i]);
    const whitened = unit(through(centered, this.projection));
    const aligned = unit(through(whitened, this.alignment));
    const refined = unit(onto(aligned, this.head));
    return unit(Float32Array.of(...aligned, ...refined.map((number) => this.residual * number)));
  }
}

/** Published signatures, and who is nearest. */
export class Catalogue {
  constructor(space, listing) {
    this.projection = readTensors(space).tensors.projection;
    this.vectors = JSON.parse(new TextDecoder().decode(listing)).signatures.map(({ vector }) => readVector(vector));
  }

  /** The point of the signatures' space for embeddings of pictures by one hand, which are asked with together. */
  place(embeddings) {
    const mean = embeddings[0].map((_, i) => embeddings.reduce((sum, each) => sum + each[i], 0) / embeddings.length);
    return unit(through(unit(mean), this.projection));
  }

  score(artist, point) {
    return this.vectors[artist].reduce((sum, number, i) => sum + number * point[i], 0);
  }

  /** Numbers of all artists, nearest to a point first; equal ones in the catalogue's order. */
  nearest(point) {
    const scores = this.vectors.map((_, artist) => this.score(artist, point));
    return [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b);
  }
}

/** Where the words begin that are said of the nearest signature, as `catalogue/nearness.py` says them. */
export class Nearness {
  constructor(bytes) {
    this.bounds = Object.entries(JSON.parse(new TextDecoder().decode(bytes)).bounds).map(([count, pair]) => [Number(count), pair]);
  }

  /** Null where nothing was learned of questions with so few pictures. */
  word(score, pictures) {
    const known = this.bounds.filter(([count]) => count <= pictures).sort(([a], [b]) => b - a);
    if (!known.length) return null;
    const [[, [low, high]]] = known;
    return score < low ? NOBODY : score >= high ? NEAR : OPEN;
  }
}

function readVector(hexadecimal) {
  return new Float32Array(Uint8Array.from(hexadecimal.match(/../g), (pair) => parseInt(pair, 16)).buffer);
}

/** A row of numbers times a matrix [in, out]. */
function through(row, { shape: [, columns], numbers }) {
  const sums = new Float64Array(columns);
  row.forEach((number, i) => {
    for (let j = 0, at = i * columns; j < columns; j++, at++) sums[j] += number * numbers[at];
  });
  return Float32Array.from(sums);
}

/** A matrix [out, in] times a column of numbers. */
function onto(column, { shape: [rows, columns], numbers }) {
  return Float32Array.from({ length: rows }, (_, i) =>
    column.reduce((sum, number, j) => sum + number * numbers[i * columns + j], 0));
}

function unit(vector) {
  const length = Math.max(Math.sqrt(vector.reduce((sum, number) => sum + number * number, 0)), 1e-12);
  return vector.map((number) => number / length);
}
