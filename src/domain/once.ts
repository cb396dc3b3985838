/**
 * The same function, which works out what follows from a value once and then remembers it for as long as the value
 * lives. Only for values that never change, such as the parts of an engagement, which is frozen when it is read.
 */
export function once<Key extends object, Value>(follows: (from: Key) => Value): (from: Key) => Value {
  const known = new WeakMap<Key, Value>();
  return from => {
    let value = known.get(from);
    if (value === undefined) {
      value = follows(from);
      known.set(from, value);
    }
    return value;
  };
}
