// Chainlit starts dark for everyone; here the page follows the browser until the user picks a theme.
localStorage.getItem("vite-ui-theme") ?? localStorage.setItem("vite-ui-theme", "system");
