// What h5web uses of the npm package ndarray-ops: copying the values of one view into another of the same shape.
export function assign(target, source) {
  const { shape } = target;
  if (shape.length === 0) {
    target.data[target.offset] = source.data[source.offset];
    return;
  }
  const last = shape.length - 1;
  const place = new Array(shape.length).fill(0);
  const toStep = target.stride[last];
  const fromStep = source.stride[last];
  for (;;) {
    let to = target.offset;
    let from = source.offset;
    for (let axis = 0; axis < last; axis += 1) {
      to += place[axis] * target.stride[axis];
      from += place[axis] * source.stride[axis];
    }
    for (let count = 0; count < shape[last]; count += 1) {
      target.data[to] = source.data[from];
      to += toStep;
      from += fromStep;
    }
    let axis = last - 1;
    while (axis >= 0) {
      place[axis] += 1;
      if (place[axis] < shape[axis]) break;
      place[axis] = 0;
      axis -= 1;
    }
    if (axis < 0) return;
  }
}

export default { assign };
