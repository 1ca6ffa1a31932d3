import { mount } from "svelte";
import App from "./App.svelte";
import { hub } from "./live/hub.svelte";
import "./theme/tokens.css";
import "./theme/ground.css";
import "./theme/frame.css";
import "./theme/controls.css";
import "./theme/figures.css";
import "./theme/tables.css";
import "./theme/fleet.css";
import "./theme/floating.css";
import "./theme/empty.css";
import "./theme/narrow.css";
import "./theme/touch.css";

hub.start();
const target = document.getElementById("app");
if (target) mount(App, { target });
