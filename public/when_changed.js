// Chainlit draws its page whenever it likes; what is to be mended in it is looked for after each change, not too often.

const PAUSE_MS = 100;

/** Calls `mend` now and after changes below `root`, of the kinds that a MutationObserver's options name. */
export function whenChanged(root, kinds, mend) {
  let resting = false;
  let missed = false;
  const changed = () => {
    missed = resting;
    if (resting) return;
    mend();
    resting = true;
    setTimeout(() => {
      resting = false;
      if (missed) changed();
    }, PAUSE_MS);
  };
  new MutationObserver(changed).observe(root, { subtree: true, ...kinds });
  changed();
}
