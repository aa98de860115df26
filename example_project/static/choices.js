// What has been added in another tab, such as an author, can be chosen when one comes back to the form.

addEventListener("focus", async () => {
  const selects = document.querySelectorAll("form select");
  if (!selects.length) return;
  const text = await (await fetch(location)).text();
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const select of selects) {
    const known = new Set(Array.from(select.options, ({ value }) => value));
    for (const option of page.getElementById(select.id)?.options ?? []) {
      if (!known.has(option.value)) select.append(option.cloneNode(true));
    }
  }
});
