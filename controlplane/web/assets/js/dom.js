/* Making elements without markup in strings. Text goes in as text, so nobody's name can be HTML. */

import { icon } from './icons.js';

export function el(tag, props = {}, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(props)) {
        if (value === null || value === undefined || value === false) {
            continue;
        }
        if (key.startsWith('on')) {
            node.addEventListener(key.slice(2), value);
        } else if (key === 'text') {
            node.textContent = value;
        } else if (key in node && typeof value !== 'string') {
            node[key] = value;
        } else {
            node.setAttribute(key === 'className' ? 'class' : key, value === true ? '' : value);
        }
    }
    node.append(...children.filter((c) => c !== null && c !== undefined));
    return node;
}

export function byId(id) {
    return document.getElementById(id);
}

export function show(node, visible) {
    if (node.hidden === visible) {
        node.hidden = !visible;
    }
}

/* Every <span data-icon="mic"> of the page's HTML gets its drawing. */
export function drawIcons(root = document) {
    for (const place of root.querySelectorAll('[data-icon]')) {
        place.replaceChildren(icon(place.dataset.icon));
    }
}

export function iconButton(name, label, props = {}) {
    return el(
        'button',
        {
            type: 'button',
            class: 'icon-button',
            'aria-label': label,
            title: label,
            ...props,
        },
        icon(name),
    );
}

export async function copyText(text) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        const area = el('textarea', { class: 'offscreen', value: text });
        area.value = text;
        document.body.append(area);
        area.select();
        const copied = document.execCommand('copy');
        area.remove();
        return copied;
    }
}
