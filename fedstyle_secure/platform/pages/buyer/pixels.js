// From a picture's file to what the encoder sees: the same steps as `artworks/decoding.py` and `encoder/features.py`,
// number for number where Pillow resizes; only how a browser decodes JPEG may differ by a shade.

const LONGEST = 512, MOST_PIXELS = 1e8, STRIP_PIXELS = 1 << 22, BLOCK = 8;
const FRACTION = 22; // bits behind the point of Pillow's weights

/** One picture as the encoder sees it: float32 [3, size, size] in [0, 1]. Throws an Error whose message is for people. */
export async function see(file, size) {
  const isJpeg = await checkKind(file);
  if (!isJpeg && (await isAnimated(file))) throw new Error(`${file.name} is animated: export one frame as a still picture`);
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => {
    throw new Error(`${file.name} is damaged: export the picture again`);
  });
  try {
    const { width, height } = bitmap;
    if (width * height > MOST_PIXELS)
      throw new Error(`${file.name} is too large (${width} x ${height} pixels): save a smaller copy`);
    return square(thumbnail(read(bitmap, isJpeg)), size);
  } finally {
    bitmap.close();
  }
}

async function checkKind(file) {
  const head = new Uint8Array(await file.slice(0, 12).arrayBuffer());
  const text = String.fromCharCode(...head);
  if (head[0] === 0xff && head[1] === 0xd8) return true;
  if (text.startsWith("\x89PNG") || (text.startsWith("RIFF") && text.endsWith("WEBP"))) return false;
  throw new Error(`${file.name} is not a JPEG, PNG or WebP picture: convert it to one of these`);
}

/** Whether a PNG or WebP file has more than one frame; both are made of chunks that say their kind and length. */
async function isAnimated(file) {
  const bytes = new DataView(await file.arrayBuffer()), isPng = bytes.getUint8(0) === 0x89;
  const kindAt = (at) => String.fromCharCode(...new Uint8Array(bytes.buffer, at, 4));
  let frames = 0;
  for (let at = isPng ? 8 : 12; at + 8 <= bytes.byteLength; ) {
    const [kind, length] = isPng ? [kindAt(at + 4), bytes.getUint32(at)] : [kindAt(at), bytes.getUint32(at + 4, true)];
    if (kind === "fcTL" || kind === "ANMF") frames++;
    if (kind === "IDAT" && !frames) frames++; // the picture for whoever shows no animations
    at += isPng ? length + 12 : 8 + length + (length & 1);
  }
  return frames > 1;
}

// An image is {width, height, bands}: three planes of numbers, row by row.
function read(bitmap, isJpeg) {
  const { width, height } = bitmap;
  const scale = Math.min(Math.floor(width / LONGEST), Math.floor(height / LONGEST));
  const factor = isJpeg ? [8, 4, 2].find((each) => scale >= each) ?? 1 : shrinking(width, height);
  const shrink = isJpeg ? frequencies(factor) : means(factor);
  const image = blank(Math.ceil(width / factor), Math.ceil(height / factor), Uint8ClampedArray);
  const unit = factor * BLOCK, rows = Math.max(unit, Math.floor(STRIP_PIXELS / width / unit) * unit);
  const canvas = new OffscreenCanvas(width, Math.min(rows, height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let top = 0; top < height; top += rows) {
    const high = Math.min(rows, height - top);
    context.fillStyle = "white"; // what is transparent lies on it
    context.fillRect(0, 0, width, high);
    context.drawImage(bitmap, 0, -top);
    shrink(context.getImageData(0, 0, width, high), image, top / factor);
  }
  const again = isJpeg ? shrinking(image.width, image.height) : 1;
  return again > 1 ? reduceImage(image, again) : image;
}

const shrinking = (width, height) => Math.max(1, Math.floor(Math.max(width, height) / (2 * LONGEST)));

function blank(width, height, Kind) {
  return { width, height, bands: [0, 1, 2].map(() => new Kind(width * height)) };
}

/** Means of whole blocks, as Pillow's reduce() takes them: at the right and lower edge of what is left. */
function means(factor) {
  return ({ data, width, height }, image, first) => {
    for (let band = 0; band < 3; band++)
      reduceBand((x, y) => data[4 * (y * width + x) + band], width, height, factor, image.bands[band], image.width, first);
  };
}

function reduceImage({ width, height, bands }, factor) {
  const image = blank(Math.ceil(width / factor), Math.ceil(height / factor), Uint8ClampedArray);
  bands.forEach((band, number) =>
    reduceBand((x, y) => band[y * width + x], width, height, factor, image.bands[number], image.width, 0));
  return image;
}

function reduceBand(at, width, height, factor, target, across, first) {
  for (let top = 0, row = first; top < height; top += factor, row++)
    for (let left = 0, column = 0; left < width; left += factor, column++) {
      const right = Math.min(left + factor, width), bottom = Math.min(top + factor, height);
      const count = (right - left) * (bottom - top);
      let sum = Math.floor(count / 2);
      for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += at(x, y);
      target[row * across + column] = Math.floor((sum * Math.floor(2 ** 24 / count)) / 2 ** 24);
    }
}

/** What a JPEG decoder does that is asked for a smaller picture: of each block of 8 x 8 the low frequencies. */
function frequencies(factor) {
  if (factor === 1) return means(1);
  const kept = BLOCK / factor, weights = lowFrequencies(kept);
  return ({ data, width, height }, image, first) => {
    const between = new Float64Array(BLOCK);
    for (let top = 0; top < height; top += BLOCK)
      for (let row = 0; row < kept; row++) {
        const y = first + top / factor + row;
        if (y >= image.height) continue;
        for (let left = 0; left < width; left += BLOCK)
          for (let band = 0; band < 3; band++) {
            for (let i = 0; i < BLOCK; i++) {
              const column = 4 * Math.min(left + i, width - 1) + band;
              let sum = 0;
              for (let j = 0; j < BLOCK; j++)
                sum += weights[row * BLOCK + j] * data[4 * Math.min(top + j, height - 1) * width + column];
              between[i] = sum;
            }
            for (let column = 0; column < kept; column++) {
              const x = left / factor + column;
              if (x >= image.width) continue;
              let sum = 0;
              for (let i = 0; i < BLOCK; i++) sum += weights[column * BLOCK + i] * between[i];
              image.bands[band][y * image.width + x] = sum; // rounded and bounded by its kind of array
            }
          }
      }
  };
}

/** [kept, 8]: cosine transform of 8 numbers, the first `kept` frequencies, and back to as many numbers. */
function lowFrequencies(kept) {
  const weights = new Float64Array(kept * BLOCK);
  const wave = (frequency, place, count) => Math.cos((Math.PI * frequency * (2 * place + 1)) / (2 * count));
  for (let out = 0; out < kept; out++)
    for (let place = 0; place < BLOCK; place++)
      for (let frequency = 0; frequency < kept; frequency++)
        weights[out * BLOCK + place] +=
          ((frequency ? 2 : 1) / BLOCK) * wave(frequency, out, kept) * wave(frequency, place, BLOCK);
  return weights;
}

/** At most 512 pixels long, as Pillow's thumbnail(). */
function thumbnail(image) {
  const { width, height } = image;
  if (Math.max(width, height) <= LONGEST) return image;
  const aspect = width / height;
  const nearest = (number, distance) => {
    const [low, high] = [Math.floor(number), Math.ceil(number)];
    return Math.max(distance(low) <= distance(high) ? low : high, 1);
  };
  const [across, down] = aspect <= 1
    ? [nearest(LONGEST * aspect, (each) => Math.abs(aspect - each / LONGEST)), LONGEST]
    : [LONGEST, nearest(LONGEST / aspect, (each) => (each === 0 ? 0 : Math.abs(aspect - LONGEST / each)))];
  const bands = image.bands.map((band) => resample(band, width, height, across, down, lanczos, 3, Uint8ClampedArray));
  return { width: across, height: down, bands };
}

/** The center square, float32 [3, size, size] in [0, 1]. */
function square({ width, height, bands }, size) {
  const side = Math.min(width, height);
  const left = roundEven((width - side) / 2), top = roundEven((height - side) / 2);
  const result = new Float32Array(3 * size * size);
  bands.forEach((band, number) => {
    const cut = new Float32Array(side * side);
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) cut[y * side + x] = band[(top + y) * width + left + x] / 255;
    result.set(resample(cut, side, side, size, size, triangle, 1, Float32Array), number * size * size);
  });
  return result;
}

const roundEven = (number) => (number % 1 === 0.5 ? 2 * Math.round(number / 2) : Math.round(number));
const triangle = (x) => Math.max(0, 1 - Math.abs(x));
const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const lanczos = (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0);

/** Pillow's resize(): first across, then down, each result rounded to the kind of the numbers. */
function resample(source, width, height, across, down, filter, support, Kind) {
  let numbers = source;
  if (across !== width) {
    const wide = numbers;
    numbers = new Kind(across * height);
    pass(weigh(width, across, filter, support, Kind), numbers, wide, height, 1, across, 1, width);
  }
  if (down !== height) {
    const high = numbers;
    numbers = new Kind(across * down);
    pass(weigh(height, down, filter, support, Kind), numbers, high, across, across, 1, across, 1);
  }
  return numbers;
}

/** Weighted sums along one direction; `step` leads along it, `stride` from one line to the next, in target and source. */
function pass(weights, target, source, lines, targetStep, targetStride, sourceStep, sourceStride) {
  const isWhole = target instanceof Uint8ClampedArray;
  weights.forEach(({ first, parts }, place) => {
    for (let line = 0; line < lines; line++) {
      let at = line * sourceStride + first * sourceStep, sum = isWhole ? 2 ** (FRACTION - 1) : 0;
      for (let i = 0; i < parts.length; i++, at += sourceStep) sum += parts[i] * source[at];
      target[line * targetStride + place * targetStep] = isWhole ? Math.floor(sum / 2 ** FRACTION) : sum;
    }
  });
}

function weigh(from, to, filter, reach, Kind) {
  const scale = from / to, stretch = Math.max(1, scale), support = reach * stretch;
  return Array.from({ length: to }, (_, place) => {
    const center = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const last = Math.min(from, Math.trunc(center + support + 0.5));
    const parts = Float64Array.from({ length: last - first }, (_, i) => filter((i + first - center + 0.5) / stretch));
    const sum = parts.reduce((a, b) => a + b, 0);
    return { first, parts: parts.map((part) => (Kind === Uint8ClampedArray ? fixed(part / sum) : part / sum)) };
  });
}

const fixed = (part) => Math.trunc(part * 2 ** FRACTION + (part < 0 ? -0.5 : 0.5));
