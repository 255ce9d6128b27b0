// Markup as tagged templates. Every value is put in as text: there is no other way in, so no name can become markup.
import { h } from './vendor/preact.js';
import htm from './vendor/htm.js';

export const html = htm.bind(h);
