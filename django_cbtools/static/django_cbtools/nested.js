/* Lists of nested objects: rows are added, removed and moved in place. Without this script there are
   blank rows, and fields for what is to be removed and where a row goes. */
'use strict';
(() => {
  const own = (list, selector) => list.querySelector(`:scope > ${selector}`);
  const total = (list) => own(list, 'input[name$="-TOTAL_FORMS"]');
  const rows = (list) => Array.from(own(list, '.cb-rows').children);
  const listOf = (node) => node.closest('.cb-nested:not(.cb-object)');

  /* Names, ids and whatever refers to them, templates in templates included. */
  function rename(root, from, to) {
    for (const node of root.querySelectorAll('*')) {
      for (const attribute of node.attributes) {
        if (attribute.value.includes(from)) {
          attribute.value = attribute.value.split(from).join(to);
        }
      }
      if (node.content) {
        rename(node.content, from, to);
      }
    }
  }

  function number(list) {
    rows(list).forEach((row, i) => {
      const order = row.querySelector(':scope > h3 .cb-order input');
      if (order) {
        order.value = i + 1;
      }
    });
  }

  function show(row) {
    const box = row.querySelector(':scope > h3 .cb-delete input');
    row.classList.toggle('cb-removed', Boolean(box && box.checked));
  }

  function equip(root) {
    for (const list of root.querySelectorAll('.cb-nested:not(.cb-object)')) {
      const add = own(list, '.cb-add');
      if (!add) {
        continue;
      }
      add.hidden = false;
      for (const row of rows(list)) {
        if (row.hasAttribute('data-blank')) {
          row.remove();
        } else {
          equipRow(row);
        }
      }
    }
  }

  function equipRow(row) {
    const tools = row.querySelector(':scope > h3 .cb-tools');
    for (const node of tools.querySelectorAll('.cb-moves, .cb-drop')) {
      node.hidden = false;
    }
    const order = tools.querySelector('.cb-order');
    if (order) {
      order.hidden = true;
    }
    show(row);
  }

  function add(list) {
    const template = own(list, 'template');
    const counter = total(list);
    const prefix = counter.name.slice(0, -'-TOTAL_FORMS'.length);
    const made = template.content.cloneNode(true);
    rename(made, `${template.dataset.prefix}-__row__`, `${prefix}-${counter.value}`);
    counter.value = Number(counter.value) + 1;
    const row = made.firstElementChild;
    equip(row);
    equipRow(row);
    own(list, '.cb-rows').append(row);
    number(list);
    if (window.DateTimeShortcuts) {
      document.querySelectorAll('.datetimeshortcuts').forEach((node) => node.remove());
      window.DateTimeShortcuts.init();
    }
    row.dispatchEvent(new CustomEvent('formset:added', {
      bubbles: true, detail: {formsetName: prefix},
    }));
    const first = row.querySelector(':scope > :not(h3) :is(input:not([type="hidden"]), select, textarea)');
    if (first) {
      first.focus();
    }
  }

  const actions = {
    up: (row) => row.previousElementSibling && row.previousElementSibling.before(row),
    down: (row) => row.nextElementSibling && row.nextElementSibling.after(row),
    drop: (row) => row.remove(),
  };

  document.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-cb-do]');
    if (!button) {
      return;
    }
    const list = listOf(button);
    if (button.dataset.cbDo === 'add') {
      add(list);
      return;
    }
    actions[button.dataset.cbDo](button.closest('.cb-row'));
    number(list);
    if (button.isConnected) {
      button.focus();
    } else {
      own(list, '.cb-add').querySelector('button').focus();
    }
  });
  document.addEventListener('change', (event) => {
    const row = event.target.closest('.cb-row');
    if (row && event.target.closest('.cb-delete')) {
      show(row);
    }
  });
  /* Rows of the admin's inlines come with lists in them. */
  document.addEventListener('formset:added', (event) => equip(event.target));

  if (document.readyState === 'loading') {
    document.addEventListener('DOMContentLoaded', () => equip(document));
  } else {
    equip(document);
  }
})();
