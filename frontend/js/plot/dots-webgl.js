// Dots by the graphics card (WebGL 2): it holds all points, is sent those that have changed, and draws them in one call.

import { Base } from "./float.js";
import { partOf } from "./layout.js";
import { ARRIVES_IN, SHRINKS_WITHIN } from "./look.js";

/** @typedef {import("./look.js").Look} Look */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("./layout.js").Part} Part */
/** @typedef {import("../state/points.js").Points} Points */
/** @typedef {import("../base/theme.js").Theme} Theme */

/** Numbers that a point has on the card: place and arrival in seconds after their bases, price in USD, 1 if confirmed. */
const FIELDS = 4;

const VERTEX = `#version 300 es
precision highp float;
in vec4 point;
uniform vec2 size;
uniform float ratio;
// The part of the dots of each state: left and right in CSS pixels, start and end in seconds after the base.
uniform vec4 confirmedPart, mempoolPart;
// Of the same parts: the edge of its frame, whether it is live, whether it is shown.
uniform vec3 confirmedFrame, mempoolFrame;
// Top and bottom in CSS pixels, low and high in USD.
uniform vec4 prices;
// Radius at rest of a confirmed dot and of one in the mempool, what a fresh one has more, and the page's clock.
uniform vec4 look;
uniform vec4 confirmedColour, mempoolColour;
out vec4 colour;
out float radius;
void main() {
  bool confirmed = point.w > 0.5;
  vec4 part = confirmed ? confirmedPart : mempoolPart;
  vec3 frame = confirmed ? confirmedFrame : mempoolFrame;
  float place = frame.y > 0.5 ? min(point.x, part.w) : point.x;
  float x = part.x + (place - part.z) / (part.w - part.z) * (part.y - part.x);
  float y = prices.y - (point.y - prices.z) / (prices.w - prices.z) * (prices.y - prices.x);
  float left = 1.0 - clamp((look.w - point.z) / ${ARRIVES_IN.toFixed(2)}, 0.0, 1.0);
  float away = confirmed ? 0.0 : left * left * left;
  radius = confirmed ? look.x : look.y + look.z * exp((place - part.w) / ${SHRINKS_WITHIN.toFixed(1)});
  radius *= (1.0 + away) * ratio;
  x += away * (frame.x - x);
  colour = confirmed ? confirmedColour : mempoolColour;
  bool seen = frame.z > 0.5 && place >= part.z && place <= part.w && y >= prices.x && y <= prices.y;
  gl_Position = seen ? vec4(2.0 * x / size.x - 1.0, 1.0 - 2.0 * y / size.y, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
  gl_PointSize = seen ? 2.0 * radius + 2.0 : 0.0;
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 colour;
in float radius;
out vec4 pixel;
void main() {
  float from = length(gl_PointCoord - 0.5) * (2.0 * radius + 2.0);
  pixel = colour * clamp(radius + 0.5 - from, 0.0, 1.0);
}`;

const UNIFORMS = /** @type {const} */ ([
  "size", "ratio", "confirmedPart", "mempoolPart", "confirmedFrame", "mempoolFrame", "prices", "look", "confirmedColour", "mempoolColour",
]);

export class WebglDots {
  kind = "webgl2";
  #canvas;
  #gl;
  /** @type {Record<typeof UNIFORMS[number], WebGLUniformLocation | null>} */
  #uniforms;
  #size = { width: 0, height: 0 };
  #ratio = 1;
  /**
   * The numbers that the card holds, and the moments from which their seconds count: by the event clock, and by the page's own.
   */
  #sent = new Float32Array(0);
  #base = new Base();
  #clockBase = new Base();

  /**
   * The renderer; `null` without WebGL 2, or if the card refuses these programs.
   * @param {HTMLCanvasElement} canvas
   */
  static on(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, depth: false, powerPreference: "low-power" });
    const program = gl && linked(gl);
    return gl && program ? new WebglDots(canvas, gl, program) : null;
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {WebGL2RenderingContext} gl
   * @param {WebGLProgram} program
   */
  constructor(canvas, gl, program) {
    this.#canvas = canvas;
    this.#gl = gl;
    const named = UNIFORMS.map((name) => [name, gl.getUniformLocation(program, name)]);
    this.#uniforms = Object.fromEntries(named);
    gl.useProgram(program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    const point = gl.getAttribLocation(program, "point");
    gl.enableVertexAttribArray(point);
    gl.vertexAttribPointer(point, FIELDS, gl.FLOAT, false, 0, 0);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  /**
   * @param {{ width: number, height: number }} size
   * @param {number} ratio
   */
  resize(size, ratio) {
    [this.#size, this.#ratio] = [size, ratio];
    this.#canvas.width = Math.round(size.width * ratio);
    this.#canvas.height = Math.round(size.height * ratio);
    this.#gl.viewport(0, 0, this.#canvas.width, this.#canvas.height);
  }

  /**
   * @param {Points} points
   * @param {Layout} layout
   * @param {Look} look
   * @param {Theme} theme
   */
  draw(points, layout, look, theme) {
    const gl = this.#gl;
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const [confirmed, mempool] = [partOf(layout, "confirmed"), partOf(layout, "mempool")];
    if (!confirmed || !mempool) return;
    const isMoved = [this.#base.follow(mempool.end), this.#clockBase.follow(look.clock)].some(Boolean);
    this.#send(points, isMoved);
    if (points.count === 0) return;
    const { top, bottom, low, high } = layout;
    const uniforms = this.#uniforms;
    gl.uniform2f(uniforms.size, this.#size.width, this.#size.height);
    gl.uniform1f(uniforms.ratio, this.#ratio);
    gl.uniform4f(uniforms.prices, top, bottom, low, high);
    gl.uniform4f(uniforms.look, look.confirmed.rest, look.mempool.rest, look.fresh, this.#clockBase.after(look.clock));
    this.#setPart(uniforms.confirmedPart, uniforms.confirmedFrame, confirmed, look.confirmed.shown);
    this.#setPart(uniforms.mempoolPart, uniforms.mempoolFrame, mempool, look.mempool.shown);
    gl.uniform4fv(uniforms.confirmedColour, premultiplied(theme.confirmed, look.confirmed.alpha));
    gl.uniform4fv(uniforms.mempoolColour, premultiplied(theme.mempool, look.mempool.alpha));
    gl.drawArrays(gl.POINTS, 0, points.count);
  }

  /**
   * @param {WebGLUniformLocation | null} partUniform
   * @param {WebGLUniformLocation | null} frameUniform
   * @param {Part} part
   * @param {boolean} shown
   */
  #setPart(partUniform, frameUniform, { left, right, inset, start, end, live }, shown) {
    this.#gl.uniform4f(partUniform, left, right - inset, this.#base.after(start), this.#base.after(end));
    this.#gl.uniform3f(frameUniform, right, live ? 1 : 0, shown ? 1 : 0);
  }

  /**
   * Sends the points that have changed; all of them when there is not room enough.
   * @param {Points} points
   * @param {boolean} isMoved whether a base has moved, so that all have changed
   */
  #send(points, isMoved) {
    const gl = this.#gl;
    const room = points.timestamps.length * FIELDS;
    let { from, to } = points.takeChanged();
    if (this.#sent.length < room) {
      this.#sent = new Float32Array(room);
      gl.bufferData(gl.ARRAY_BUFFER, this.#sent.byteLength, gl.DYNAMIC_DRAW);
      [from, to] = [0, points.count];
    }
    if (isMoved) [from, to] = [0, points.count];
    to = Math.min(to, points.count);
    if (from >= to) return;
    for (let slot = from; slot < to; slot += 1) {
      const at = slot * FIELDS;
      this.#sent[at] = this.#base.after(points.places[slot]);
      this.#sent[at + 1] = points.prices[slot];
      this.#sent[at + 2] = this.#clockBase.after(points.arrivals[slot]);
      this.#sent[at + 3] = points.confirmed[slot];
    }
    gl.bufferSubData(gl.ARRAY_BUFFER, from * FIELDS * 4, this.#sent, from * FIELDS, (to - from) * FIELDS);
  }
}

/**
 * @param {WebGL2RenderingContext} gl
 * @returns {WebGLProgram | null} `null` if the graphics card refuses the shaders
 */
function linked(gl) {
  const program = gl.createProgram();
  for (const [type, source] of /** @type {const} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]])) {
    const shader = gl.createShader(type);
    if (!shader) return null;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (gl.getProgramParameter(program, gl.LINK_STATUS)) return program;
  console.warn("WebGL does not take the dots, the canvas draws them:", gl.getProgramInfoLog(program));
  return null;
}

/**
 * @param {string} colour `#rrggbb`
 * @param {number} alpha
 */
function premultiplied(colour, alpha) {
  const channel = (/** @type {number} */ at) => (parseInt(colour.slice(at, at + 2), 16) / 255) * alpha;
  return [channel(1), channel(3), channel(5), alpha];
}
