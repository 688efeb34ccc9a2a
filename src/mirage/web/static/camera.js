// Where one looks: how large a picture is on its stage, and which part of it is there.

const MOST = 12;

export class Camera {
  constructor(stage, changed) {
    Object.assign(this, { stage, changed, content: null, proportion: 1, scale: 1, x: 0, y: 0 });
    new ResizeObserver(() => this.look(this.seen ?? this.view, false)).observe(stage);
  }

  // The picture's own place on the stage before zoom: as large as fits, in the middle.
  box() {
    const { clientWidth, clientHeight } = this.stage;
    const width = Math.min(clientWidth, clientHeight * this.proportion), height = width / this.proportion;
    return { left: (clientWidth - width) / 2, top: (clientHeight - height) / 2, width, height };
  }

  // From a point of the stage to parts of the picture, 0 to 1 across and down, and back.
  inPicture(px, py) {
    const { left, top, width, height } = this.box();
    return [((px - this.x) / this.scale - left) / width, ((py - this.y) / this.scale - top) / height];
  }

  onStage([across, down]) {
    const { left, top, width, height } = this.box();
    return [(left + across * width) * this.scale + this.x, (top + down * height) * this.scale + this.y];
  }

  get view() {
    const { clientWidth, clientHeight } = this.stage;
    return { scale: this.scale, middle: this.inPicture(clientWidth / 2, clientHeight / 2) };
  }

  // Show what another stage, or this one before it was resized, shows.
  look({ scale, middle }, told = true) {
    if (!this.stage.clientWidth || !middle.every(Number.isFinite)) return;
    this.scale = Math.min(MOST, Math.max(1, scale));
    this.x = this.y = 0;
    const [px, py] = this.onStage(middle);
    this.x = this.stage.clientWidth / 2 - px;
    this.y = this.stage.clientHeight / 2 - py;
    this.draw(told);
  }

  draw(told = true) {
    if (!this.content) return;
    const { clientWidth, clientHeight } = this.stage;
    this.x = Math.min(0, Math.max(clientWidth * (1 - this.scale), this.x));
    this.y = Math.min(0, Math.max(clientHeight * (1 - this.scale), this.y));
    this.content.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.stage.dataset.scale = this.scale.toFixed(2);
    this.stage.classList.toggle("zoomed", this.scale > 1);
    this.seen = this.view;
    this.changed(told);
  }

  zoom(factor, px = this.stage.clientWidth / 2, py = this.stage.clientHeight / 2) {
    const next = Math.min(MOST, Math.max(1, this.scale * factor));
    this.x = px - (px - this.x) * (next / this.scale);
    this.y = py - (py - this.y) * (next / this.scale);
    this.scale = next;
    this.draw();
  }

  move(across, down) {
    this.x += across;
    this.y += down;
    this.draw();
  }

  fit() {
    this.scale = 1;
    this.x = this.y = 0;
    this.draw();
  }
}
