// Compares what a runtime answers with vectors.json. The same file serves Node (run.mjs) and a browser (index.html).

const ARRAYS = {
  FP32: Float32Array, FP64: Float64Array, INT64: BigInt64Array, INT32: Int32Array, UINT8: Uint8Array, BOOL: Uint8Array,
};
const TYPES = {
  FP32: "float32", FP64: "float64", INT64: "int64", INT32: "int32", UINT8: "uint8", BOOL: "bool", BYTES: "string",
};

function values(spec) {
  if (spec.datatype === "BYTES") return spec.data;
  const text = atob(spec.data);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return new ARRAYS[spec.datatype](bytes.buffer);
}

export async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (one) => one.toString(16).padStart(2, "0")).join("");
}

// Two words closer than the tolerance allows are a draw: the last bit of a sum decides which one comes first.
function isDraw(name, row, answer, expected, meaning, limit) {
  if (name === meaning.items_tensor) {
    const width = expected[name].shape[1];
    const words = expected[name].values.slice(row * width, (row + 1) * width);
    const scores = expected[meaning.scores_tensor].values.slice(row * width, (row + 1) * width);
    const known = new Map(words.map((word, place) => [word, scores[place]]));
    return words.every((word, place) => {
      const other = answer[row * width + place];
      if (other === word) return true;
      const score = known.has(other) ? known.get(other) : scores[width - 1];
      return Math.abs(score - scores[place]) <= 2 * limit && (other === "") === (word === "");
    });
  }
  if (name === meaning.label_tensor && expected[meaning.probabilities_tensor]) {
    const { values: all, shape } = expected[meaning.probabilities_tensor];
    const shares = Array.from(all.slice(row * shape[1], (row + 1) * shape[1]));
    if (shares.length === 2) return Math.abs(shares[1] - (meaning.threshold ?? 0.5)) <= limit;
    shares.sort((a, b) => b - a);
    return shares[0] - shares[1] <= 2 * limit;
  }
  return false;
}

function compareGroup(answers, expected, rows, meaning, limit) {
  const differs = new Uint8Array(rows), flipped = new Uint8Array(rows), drawn = new Uint8Array(rows);
  let worst = 0;
  for (const [name, wanted] of Object.entries(expected)) {
    const answer = answers[name].data;
    if (String(answers[name].dims) !== String(wanted.shape)) return null;
    const width = rows ? answer.length / rows : 0;
    for (let at = 0; at < answer.length; at++) {
      const row = Math.floor(at / width);
      if (answer[at] === wanted.values[at]) continue;
      differs[row] = 1;
      if (wanted.datatype === "BYTES") {
        (isDraw(name, row, answer, expected, meaning, limit) ? drawn : flipped)[row] = 1;
        continue;
      }
      const gap = Math.abs(Number(answer[at]) - Number(wanted.values[at]));
      worst = Math.max(worst, Number.isFinite(gap) ? gap : 1e30);
    }
  }
  const count = (marks) => marks.reduce((sum, one) => sum + one, 0);
  return { worst, flips: count(flipped), draws: count(drawn), equal: rows - count(differs) };
}

// `model`: the bytes of model.onnx. Answers what run.py answers, so both can be laid side by side.
export async function check(ort, model, manifest, vectors, options = {}) {
  if ((await sha256(model)) !== vectors.model_sha256) {
    return { passed: false, reason: "model.onnx is not the file that the vectors were made with" };
  }
  const session = await ort.InferenceSession.create(model, options);
  const limit = vectors.tolerance;
  const total = { rows: 0, label_flips: 0, draws: 0, bit_equal_rows: 0, max_abs_difference: 0 };
  for (const group of vectors.groups) {
    const feed = {}, expected = {};
    for (const one of group.inputs) feed[one.name] = new ort.Tensor(TYPES[one.datatype], values(one), one.shape);
    for (const one of group.outputs) expected[one.name] = { ...one, values: values(one) };
    const rows = group.inputs[0].shape[0];
    const answers = await session.run(feed, Object.keys(expected));
    const found = compareGroup(answers, expected, rows, manifest.meaning, limit);
    if (found === null) return { passed: false, reason: "an output has another shape" };
    total.rows += rows;
    total.label_flips += found.flips;
    total.draws += found.draws;
    total.bit_equal_rows += found.equal;
    total.max_abs_difference = Math.max(total.max_abs_difference, found.worst);
  }
  const passed = total.rows > 0 && total.label_flips === 0 && total.max_abs_difference <= limit;
  return { ...total, tolerance: limit, passed };
}
