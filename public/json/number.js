// Which characters make a JSON number: state -> kind of character -> state.
const NEXT = {
  start: { minus: "minus", zero: "zero", digit: "integer" },
  minus: { zero: "zero", digit: "integer" },
  zero: { dot: "dot", exponent: "exponent" },
  integer: { zero: "integer", digit: "integer", dot: "dot", exponent: "exponent" },
  dot: { zero: "fraction", digit: "fraction" },
  fraction: { zero: "fraction", digit: "fraction", exponent: "exponent" },
  exponent: { zero: "power", digit: "power", plus: "sign", minus: "sign" },
  sign: { zero: "power", digit: "power" },
  power: { zero: "power", digit: "power" },
};
const KINDS = { ".": "dot", e: "exponent", E: "exponent", "+": "plus", "-": "minus" };
const ENDS = new Set(["zero", "integer", "fraction", "power"]);

function kindOf(character) {
  if (character === "0") return "zero";
  if (character > "0" && character <= "9") return "digit";
  return KINDS[character];
}

/** The state after one more character of a number (the first is "start"); undefined where it cannot follow. */
export function nextInNumber(state, character) {
  return NEXT[state][kindOf(character)];
}

/** Whether what led to this state is a number as it stands: "1", not "1." */
export function isNumber(state) {
  return ENDS.has(state);
}
