/** Whether the page is as narrow as a phone (ui.md section 8): some things stand elsewhere then, not twice. */
import { MediaQuery } from "svelte/reactivity";

const narrow = new MediaQuery("width < 720px");

export const viewport = {
  get phone(): boolean {
    return narrow.current;
  },
};
