// A short tone. Browsers play no sound before a click or key, so the tone is armed by one.

/** The two notes, in hertz, and the time from the beginning of one note to the next, in seconds. */
const NOTES = [880, 1174.66];
const NOTE_SECONDS = 0.22;

/** The loudness that a note rises to and fades from, from 0 to 1. */
const LOUDNESS = 0.2;

export class Tone {
  /** @type {AudioContext | null} */
  #context = null;

  /** Whether the browser lets the tone sound. */
  get isArmed() {
    return this.#context?.state === "running";
  }

  /** Makes the tone ready, and returns whether it is; to be called in the handler of a click or key. */
  async arm() {
    try {
      this.#context ??= new AudioContext();
      await this.#context.resume();
    } catch (error) {
      console.info("The browser plays no tone:", error);
    }
    return this.isArmed;
  }

  /** Plays the two notes twice; does nothing unless the tone is armed. */
  play() {
    const context = this.#context;
    if (!context || !this.isArmed) return;
    for (let round = 0; round < 2; round += 1) {
      NOTES.forEach((hertz, at) => sound(context, hertz, context.currentTime + (round * 3 + at) * NOTE_SECONDS));
    }
  }
}

/**
 * @param {AudioContext} context
 * @param {number} hertz
 * @param {number} from seconds of the context's clock
 */
function sound(context, hertz, from) {
  const [source, gain] = [context.createOscillator(), context.createGain()];
  source.frequency.value = hertz;
  gain.gain.setValueAtTime(0, from);
  gain.gain.linearRampToValueAtTime(LOUDNESS, from + 0.01);
  gain.gain.exponentialRampToValueAtTime(0.001, from + NOTE_SECONDS * 1.6);
  source.connect(gain).connect(context.destination);
  source.start(from);
  source.stop(from + NOTE_SECONDS * 1.7);
}
