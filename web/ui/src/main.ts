import { mount } from "svelte";
import App from "./App.svelte";
import { hub } from "./live/hub.svelte";
import "./theme/tokens.css";
import "./theme/base.css";

hub.start();
const target = document.getElementById("app");
if (target) mount(App, { target });
