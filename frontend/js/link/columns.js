// The points in columns: the binary form of /api/v1/points, which gateway/openapi.yaml describes. Read section by section, so
// that the newest points can be drawn while the others are on their way.

/** @typedef {import("../state/points.js").Pictured} Pictured */
/** @typedef {{ sequence: number, points: Pictured[], isLast: boolean }} Part some of the points as they stood at a sequence */

/** The media type to ask for. */
export const COLUMNS = "application/vnd.satscope.points";

/**
 * The longest answer that is read, in bytes. It is twice what the most points of a page take, so a longer answer is not a
 * gateway's.
 */
const MOST_BYTES = 8_000_000;

const MAGIC = "satscope";
const VERSION = 1;
const SECTIONS = 2;
/** Bytes of the head before the round sums: magic, version, number of sums, sequence, reference price. */
const HEAD_BYTES = 32;
/** The largest possible amount, in satoshi: all bitcoin that can ever exist. */
const MOST_SATS = 2.1e15;
const SATS_PER_BTC = 1e8;

const text = new TextDecoder("utf-8", { fatal: true });

/** Takes bytes as they come, and returns each section as soon as it is whole. */
export class ColumnsReader {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;
  /** Where the next section begins; 0 before the head has been read. */
  #at = 0;
  #sections = 0;
  #sequence = 0;
  #referenceUsd = 0;
  /** @type {number[]} */
  #sumsUsd = [];

  /**
   * @param {Uint8Array} chunk
   * @returns {Part[]} the sections that this chunk completes
   * @throws {Error} if the bytes are not as described
   */
  take(chunk) {
    this.#append(chunk);
    const view = new DataView(this.#bytes.buffer, 0, this.#length);
    if (this.#at === 0) this.#at = this.#readHead(view);
    /** @type {Part[]} */
    const parts = [];
    while (this.#at > 0 && this.#length >= this.#at + 4) {
      if (this.#sections === SECTIONS) throw new Error("bytes after the last section");
      const begin = this.#at + 4;
      const end = begin + view.getUint32(this.#at, true);
      if (end > MOST_BYTES) throw new Error(`a section that ends at byte ${end}`);
      if (end > this.#length) break;
      const points = this.#readSection(new Section(this.#bytes.subarray(begin, end)));
      this.#at = end;
      this.#sections += 1;
      parts.push({ sequence: this.#sequence, points, isLast: this.#sections === SECTIONS });
    }
    return parts;
  }

  /** @throws {Error} if something is missing, or left over */
  end() {
    if (this.#sections !== SECTIONS || this.#at !== this.#length) {
      throw new Error(`${this.#length} bytes are not ${SECTIONS} whole sections`);
    }
  }

  /** @param {Uint8Array} chunk */
  #append(chunk) {
    const length = this.#length + chunk.length;
    if (length > MOST_BYTES) throw new Error(`more than ${MOST_BYTES} bytes`);
    if (length > this.#bytes.length) {
      const room = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      room.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = room;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
  }

  /**
   * @param {DataView} view
   * @returns {number} where the first section begins; 0 if the head is not whole yet
   */
  #readHead(view) {
    if (view.byteLength < HEAD_BYTES) return 0;
    const [magic, version] = [text.decode(this.#bytes.subarray(0, 8)), view.getUint32(8, true)];
    if (magic !== MAGIC || version !== VERSION) throw new Error(`columns of version ${VERSION} were asked for, got ${magic} ${version}`);
    const end = HEAD_BYTES + 8 * view.getUint32(12, true);
    if (end > MOST_BYTES) throw new Error(`a head of ${end} bytes`);
    if (view.byteLength < end) return 0;
    this.#sequence = Number(view.getBigUint64(16, true));
    this.#referenceUsd = view.getFloat64(24, true);
    for (let at = HEAD_BYTES; at < end; at += 8) this.#sumsUsd.push(view.getFloat64(at, true));
    return end;
  }

  /**
   * @param {Section} section
   * @returns {Pictured[]}
   */
  #readSection(section) {
    const count = section.count();
    const stamps = section.differences(count);
    const kinds = Float64Array.from({ length: count }, () => section.number());
    const amounts = section.differences(count);
    const expected = this.#sumsUsd.map((usd) => Math.min(Math.floor((usd / this.#referenceUsd) * SATS_PER_BTC), MOST_SATS));
    /** @type {Pictured[]} */
    const points = [];
    let milliseconds = 0;
    for (let at = 0; at < count; at += 1) {
      milliseconds += stamps[at];
      const [sum, isConfirmed] = [Math.floor(kinds[at] / 2), kinds[at] % 2 === 1];
      const [roundUsd, n] = [this.#sumsUsd[sum], amounts[at]];
      const valueSats = expected[sum] + (n % 2 === 0 ? n / 2 : -(n + 1) / 2);
      const price = roundUsd / (valueSats / SATS_PER_BTC);
      const isUsable = milliseconds > 0 && valueSats > 0 && price > 0 && Number.isFinite(price);
      if (!isUsable) throw new Error(`point ${at} of ${count} has stamp ${milliseconds}, amount ${valueSats}, price ${price}`);
      const id = isConfirmed ? null : section.id();
      points.push({ id, timestamp: milliseconds / 1000, price, valueSats, roundUsd, state: isConfirmed ? "confirmed" : "mempool" });
    }
    section.end();
    return points;
  }
}

/** One section's bytes, read from the front. */
class Section {
  #at = 0;
  #bytes;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
  }

  /** The number of points, checked against the bytes, because each takes at least 5. */
  count() {
    const bytes = this.#next(4);
    const count = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
    if (5 * count > this.#bytes.length) throw new Error(`${count} points in ${this.#bytes.length} bytes`);
    return count;
  }

  /** A varint, below 2^53. */
  number() {
    let number = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new Error("a section that is too short");
      this.#at += 1;
      number += (byte % 128) * scale;
      if (number > Number.MAX_SAFE_INTEGER || scale > Number.MAX_SAFE_INTEGER) throw new Error("a number of 2^53 or more");
      if (byte < 128) return number;
    }
  }

  /**
   * Numbers from two columns: their lowest bytes, and the rest of each.
   * @param {number} count
   */
  differences(count) {
    const low = this.#next(count);
    return Float64Array.from(low, (byte) => 256 * this.number() + byte);
  }

  id() {
    const length = this.number();
    if (length > 0) return text.decode(this.#next(length));
    const digits = Array.from(this.#next(8), (byte) => byte.toString(16).padStart(2, "0"));
    return `${digits.join("")}-${this.number()}`;
  }

  end() {
    if (this.#at !== this.#bytes.length) throw new Error(`${this.#bytes.length - this.#at} bytes after the columns`);
  }

  /** @param {number} count */
  #next(count) {
    const begin = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length) throw new Error("a section that is too short");
    return this.#bytes.subarray(begin, this.#at);
  }
}
