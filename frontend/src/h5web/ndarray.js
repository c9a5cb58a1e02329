// Views of typed arrays, as the npm package ndarray has them, of which h5web uses a part. That package makes its
// functions out of text, which the content security policy of the portal forbids.
class NdArray {
  constructor(data, shape, stride, offset) {
    this.data = data;
    this.shape = shape;
    this.stride = stride;
    this.offset = offset;
  }

  get dimension() {
    return this.shape.length;
  }

  get size() {
    return this.shape.reduce((product, length) => product * length, 1);
  }

  get dtype() {
    return Array.isArray(this.data) ? "array" : this.data.constructor.name.replace("Array", "").toLowerCase();
  }

  get order() {
    return this.stride.map((_, axis) => axis).sort((a, b) => Math.abs(this.stride[a]) - Math.abs(this.stride[b]));
  }

  index(...place) {
    let at = this.offset;
    for (let axis = 0; axis < this.shape.length; axis += 1) at += this.stride[axis] * (place[axis] ?? 0);
    return at;
  }

  get(...place) {
    return this.data[this.index(...place)];
  }

  set(...placeAndValue) {
    const value = placeAndValue.pop();
    this.data[this.index(...placeAndValue)] = value;
    return value;
  }

  pick(...place) {
    const shape = [];
    const stride = [];
    let { offset } = this;
    for (let axis = 0; axis < this.shape.length; axis += 1) {
      const at = place[axis];
      if (typeof at === "number" && at >= 0) {
        offset += this.stride[axis] * at;
      } else {
        shape.push(this.shape[axis]);
        stride.push(this.stride[axis]);
      }
    }
    return new NdArray(this.data, shape, stride, offset);
  }

  transpose(...axes) {
    const order = this.shape.map((_, axis) => axes[axis] ?? axis);
    return new NdArray(
      this.data,
      order.map((axis) => this.shape[axis]),
      order.map((axis) => this.stride[axis]),
      this.offset,
    );
  }

  hi(...ends) {
    const shape = this.shape.map((length, axis) => (ends[axis] >= 0 ? ends[axis] : length));
    return new NdArray(this.data, shape, this.stride, this.offset);
  }

  lo(...starts) {
    const from = this.shape.map((_, axis) => (starts[axis] >= 0 ? starts[axis] : 0));
    const offset = from.reduce((sum, start, axis) => sum + start * this.stride[axis], this.offset);
    return new NdArray(this.data, this.shape.map((length, axis) => length - from[axis]), this.stride, offset);
  }

  step(...steps) {
    const shape = [...this.shape];
    const stride = [...this.stride];
    let { offset } = this;
    for (let axis = 0; axis < shape.length; axis += 1) {
      const step = steps[axis] ?? 1;
      if (step < 0) offset += stride[axis] * (shape[axis] - 1);
      shape[axis] = Math.ceil(shape[axis] / Math.abs(step));
      stride[axis] *= step;
    }
    return new NdArray(this.data, shape, stride, offset);
  }
}

export default function ndarray(data, shape, stride, offset) {
  const lengths = shape ?? [data.length];
  let steps = stride;
  if (steps === undefined) {
    steps = new Array(lengths.length);
    let product = 1;
    for (let axis = lengths.length - 1; axis >= 0; axis -= 1) {
      steps[axis] = product;
      product *= lengths[axis];
    }
  }
  let first = offset;
  if (first === undefined) {
    first = 0;
    for (let axis = 0; axis < lengths.length; axis += 1) {
      if (steps[axis] < 0) first -= (lengths[axis] - 1) * steps[axis];
    }
  }
  return new NdArray(data, lengths, steps, first);
}
