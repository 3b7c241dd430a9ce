/* The chat: lines in, lines out, and a count of what was not read. Text is only ever text. */

import { byId, el } from './dom.js';
import { splitLinks } from './links.js';

/* Lines of one person within this time stand under one heading. */
const TOGETHER_MS = 120_000;
const MOST_LINES = 500;

export class Chat {
    unread = 0;
    #lines = byId('chat-lines');
    #text = byId('chat-text');
    #form = byId('chat-form');
    #seen = new Set();
    #last = null;
    #self = null;
    #isOpen;
    #changed;

    /* send(text) -> bool; isOpen() -> bool; changed() is called when `unread` did. */
    constructor({ send, isOpen, changed }) {
        this.#isOpen = isOpen;
        this.#changed = changed;
        this.#form.onsubmit = (event) => {
            event.preventDefault();
            this.#submit(send);
        };
        this.#text.onkeydown = (event) => {
            if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
                event.preventDefault();
                this.#submit(send);
            }
        };
        this.#text.oninput = () => this.#fit();
        this.clear();
    }

    clear() {
        this.#seen.clear();
        this.#last = null;
        this.unread = 0;
        this.#text.value = '';
        this.#lines.replaceChildren(
            el('li', {
                class: 'chat-empty',
                text: 'Nothing written yet. Lines are kept only while the meeting lasts.',
            }),
        );
    }

    /*
     * The lines so far, after a join. Those already shown are left alone; what was missed while the
     * connection was lost is news. Without `resumed` ids of people may be others' than before.
     */
    history(lines, self, resumed) {
        const back = this.#self !== null;
        this.#self = self;
        if (!resumed) {
            this.#last = null;
        }
        for (const line of lines) {
            if (back) {
                this.add(line);
            } else {
                this.#show(line);
            }
        }
    }

    /* A new line; true when it is unread news from somebody else. */
    add(line) {
        if (!this.#show(line) || line.from === this.#self || this.#isOpen()) {
            return false;
        }
        this.unread++;
        this.#changed();
        return true;
    }

    opened() {
        this.unread = 0;
        this.#changed();
        this.#lines.scrollTop = this.#lines.scrollHeight;
        this.#text.focus();
    }

    #submit(send) {
        const text = this.#text.value.trim();
        if (text !== '' && send(text)) {
            this.#text.value = '';
            this.#fit();
        }
    }

    #fit() {
        this.#text.style.height = 'auto';
        this.#text.style.height = `${this.#text.scrollHeight}px`;
    }

    #show(line) {
        /* A server that was started again counts from the beginning. */
        const key = `${line.id} ${line.time}`;
        if (this.#seen.has(key)) {
            return false;
        }
        this.#seen.add(key);
        this.#lines.querySelector('.chat-empty')?.remove();
        const { scrollTop, scrollHeight, clientHeight } = this.#lines;
        const atEnd = scrollHeight - scrollTop - clientHeight < 60;
        this.#lines.append(this.#draw(line));
        if (this.#lines.children.length > MOST_LINES) {
            this.#lines.firstChild.remove();
        }
        if (atEnd || line.from === this.#self) {
            this.#lines.scrollTop = this.#lines.scrollHeight;
        }
        this.#last = line;
        return true;
    }

    #draw(line) {
        const mine = line.from === this.#self;
        const last = this.#last;
        const together = last && last.from === line.from && line.time - last.time < TOGETHER_MS;
        const heading = together
            ? null
            : el(
                  'header',
                  {},
                  el('b', { text: mine ? 'You' : line.name }),
                  el('time', { text: timeOf(line.time) }),
              );
        const parts = splitLinks(String(line.text)).map((part) =>
            part.href
                ? el('a', {
                      href: part.href,
                      target: '_blank',
                      rel: 'noopener noreferrer nofollow',
                      text: part.text,
                  })
                : document.createTextNode(part.text),
        );
        return el(
            'li',
            { class: mine ? 'chat-line mine' : 'chat-line' },
            heading,
            el('p', {}, ...parts),
        );
    }
}

function timeOf(time) {
    return new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}
