/*
 * The buttons of the meeting and their keys: one row of TOOLS each. The meeting gives every row its
 * action and its state.
 */

import { byId, el, show } from './dom.js';
import { icon } from './icons.js';

/* `off` buttons show red when their thing is off; `active` ones light up while it is on.
   `name` stays for screen readers, to whom aria-pressed tells the state; `on` and `off` show. */
const TOOLS = [
    {
        id: 'mic',
        name: 'Mute the microphone',
        key: 'm',
        kind: 'off',
        icons: ['mic', 'mic-off'],
        on: 'Mute',
        off: 'Unmute',
    },
    {
        id: 'camera',
        name: 'Turn the camera off',
        key: 'v',
        kind: 'off',
        icons: ['camera', 'camera-off'],
        on: 'Turn the camera off',
        off: 'Turn the camera on',
    },
    {
        id: 'share',
        name: 'Share your screen',
        key: 's',
        kind: 'active',
        icons: ['screen-off', 'screen'],
        on: 'Stop sharing',
        off: 'Share your screen',
    },
    {
        id: 'hand',
        name: 'Raise your hand',
        key: 'h',
        kind: 'active',
        icons: ['hand', 'hand'],
        on: 'Lower your hand',
        off: 'Raise your hand',
    },
    { gap: true },
    {
        id: 'chat',
        name: 'Chat',
        key: 'c',
        kind: 'active',
        icons: ['chat', 'chat'],
        on: 'Close the chat',
        off: 'Open the chat',
    },
    {
        id: 'people',
        name: 'People',
        key: 'p',
        kind: 'active',
        icons: ['people', 'people'],
        on: 'Close the list of people',
        off: 'People',
    },
    {
        id: 'more',
        name: 'More',
        kind: 'active',
        icons: ['more', 'more'],
        on: 'Close the menu',
        off: 'More',
    },
    { gap: true },
    {
        id: 'leave',
        name: 'Leave',
        key: 'l',
        kind: 'leave',
        icons: ['leave', 'leave'],
        on: 'Leave',
        off: 'Leave',
    },
];
const MENU = [
    { id: 'settings', icon: 'settings', label: 'Camera and sound' },
    { id: 'stats', key: 'i', icon: 'stats', label: 'Statistics' },
    { id: 'full', key: 'f', icon: 'expand', label: 'Full screen' },
    { id: 'help', key: '?', icon: 'keyboard', label: 'Keyboard shortcuts' },
];

export class Toolbar {
    #root = byId('toolbar');
    #menu = byId('menu');
    #buttons = new Map();
    #actions;
    #level;
    #onKey = (event) => this.#key(event);
    #onPress = (event) => this.#outside(event);

    /* actions: id -> function, for every id of both tables but 'more'. */
    constructor(actions) {
        this.#actions = { ...actions, more: () => this.#toggleMenu() };
        this.#root.replaceChildren(...TOOLS.map((tool) => this.#build(tool)));
        this.#menu.replaceChildren(...MENU.map((item) => this.#item(item)));
        this.#level = el('span', { class: 'tool-level', 'aria-hidden': 'true' });
        this.#buttons.get('mic').append(this.#level);
        byId('help-keys').replaceChildren(
            ...[...TOOLS, ...MENU]
                .filter((t) => t.key)
                .flatMap((t) => [
                    el('dt', {
                        text:
                            t.label ??
                            `${t.off}${t.on === t.off ? '' : ` / ${t.on.toLowerCase()}`}`,
                    }),
                    el('dd', {}, el('kbd', { text: t.key.toUpperCase() })),
                ]),
        );
        document.addEventListener('keydown', this.#onKey);
        document.addEventListener('pointerdown', this.#onPress);
        this.set('more', false);
        this.set('leave', false);
    }

    close() {
        document.removeEventListener('keydown', this.#onKey);
        document.removeEventListener('pointerdown', this.#onPress);
        show(this.#menu, false);
    }

    /* Draws a button as on or off. */
    set(id, on) {
        const tool = TOOLS.find((t) => t.id === id);
        const button = this.#buttons.get(id);
        const label = on ? tool.on : tool.off;
        button.classList.toggle('off', tool.kind === 'off' && !on);
        button.classList.toggle('active', tool.kind === 'active' && on);
        button.querySelector('.icon').replaceWith(icon(tool.icons[on ? 0 : 1]));
        button.setAttribute('aria-label', tool.name);
        button.title = tool.key ? `${label} (${tool.key.toUpperCase()})` : label;
        if (tool.kind !== 'leave') {
            button.setAttribute('aria-pressed', String(tool.kind === 'off' ? !on : on));
        }
    }

    badge(id, text, quiet = false) {
        const badge = this.#buttons.get(id).querySelector('.badge');
        badge.textContent = text;
        badge.classList.toggle('quiet', quiet);
        show(badge, text !== '');
    }

    level(level) {
        this.#level.style.transform = `scaleX(${Math.min(1, level * 6).toFixed(2)})`;
    }

    hide(id) {
        show(this.#buttons.get(id), false);
    }

    #build(tool) {
        if (tool.gap) {
            return el('span', { class: 'tool-gap', 'aria-hidden': 'true' });
        }
        const button = el(
            'button',
            {
                type: 'button',
                class: `tool ${tool.kind === 'leave' ? 'leave' : ''}`,
                'data-tool': tool.id,
                'aria-keyshortcuts': tool.key?.toUpperCase(),
                onclick: () => this.#actions[tool.id](),
            },
            icon(tool.icons[0]),
            el('span', { class: 'badge', hidden: true }),
        );
        if (tool.id === 'more') {
            button.setAttribute('aria-haspopup', 'menu');
        }
        this.#buttons.set(tool.id, button);
        return button;
    }

    #item(item) {
        return el(
            'button',
            {
                type: 'button',
                role: 'menuitem',
                'data-item': item.id,
                onclick: () => {
                    this.#closeMenu();
                    this.#actions[item.id]();
                },
            },
            icon(item.icon),
            el('span', { text: item.label }),
            item.key ? el('kbd', { text: item.key.toUpperCase() }) : null,
        );
    }

    #toggleMenu() {
        if (!this.#menu.hidden) {
            this.#closeMenu();
            return;
        }
        show(this.#menu, true);
        this.set('more', true);
        this.#menu.firstChild.focus();
    }

    #closeMenu() {
        show(this.#menu, false);
        this.set('more', false);
        this.#buttons.get('more').focus();
    }

    #outside(event) {
        const more = this.#buttons.get('more');
        if (
            !this.#menu.hidden &&
            !this.#menu.contains(event.target) &&
            !more.contains(event.target)
        ) {
            show(this.#menu, false);
            this.set('more', false);
        }
    }

    #key(event) {
        if (!this.#menu.hidden && this.#menuKey(event)) {
            return;
        }
        if (
            event.ctrlKey ||
            event.metaKey ||
            event.altKey ||
            event.repeat ||
            event.defaultPrevented ||
            isTyping(event.target) ||
            document.querySelector('dialog[open]')
        ) {
            return;
        }
        const tool = [...TOOLS, ...MENU].find((t) => t.key === event.key.toLowerCase());
        if (tool && !this.#buttons.get(tool.id)?.hidden) {
            event.preventDefault();
            this.#actions[tool.id]();
        }
    }

    #menuKey(event) {
        const items = [...this.#menu.children];
        const at = items.indexOf(document.activeElement);
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (step) {
            items[(at + step + items.length) % items.length].focus();
        } else if (event.key === 'Escape') {
            this.#closeMenu();
        } else {
            return false;
        }
        event.preventDefault();
        return true;
    }
}

function isTyping(target) {
    return (
        target instanceof HTMLElement &&
        (target.isContentEditable ||
            ['TEXTAREA', 'SELECT'].includes(target.tagName) ||
            (target.tagName === 'INPUT' && target.type !== 'button'))
    );
}
