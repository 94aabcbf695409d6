// Marks that scripts run, before the first paint, so that nothing flickers.
document.documentElement.classList.add("js");
